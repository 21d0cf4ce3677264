"""Sub-users, their roles and permissions: ConoHa's own IAM, which Keystone does not have.

Source: OpenAPI (`/v3/sub-users`, `/v3/sub-users/roles`, `/v3/permissions`). The lab has none, and its answer says so;
no part of TOYBOX uses them.
"""

from typing import Any

from lab.conoha_rules.rule import Call, Refusal, match

PERMISSIONS = (
    {"name": "get-server", "description": "サーバ詳細取得"},
    {"name": "get-server-list", "description": "サーバ一覧取得"},
)
"""The examples in OpenAPI; ConoHa has one for each call."""

LISTS: dict[str, dict[str, Any]] = {
    "/sub-users": {"users": []},
    "/sub-users/roles": {"roles": []},
    "/permissions": {"permissions": list(PERMISSIONS)},
}


def answer(call: Call) -> tuple[int, Any] | Refusal | None:
    """Return the lists; a refusal, as the lab's own, for a call that makes or changes one; None for any other call."""
    if call.method == "GET" and call.path in LISTS:
        return 200, LISTS[call.path]
    if match("*", "/sub-users/**", call) is not None:
        return Refusal("ConoHa has sub-users and roles, and the lab makes none", 501)
    return None
