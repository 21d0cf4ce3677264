"""Sub-users, their roles and permissions: ConoHa's own IAM, which Keystone does not have.

Source: OpenAPI (`/v3/sub-users`, `/v3/sub-users/roles`, `/v3/permissions`). The lab has none, and says so; nothing of
TOYBOX uses them.
"""

from typing import Any

from lab.conoha_rules.rule import Call, Refusal, match

PERMISSIONS = (
    {"name": "get-server", "description": "サーバ詳細取得"},
    {"name": "get-server-list", "description": "サーバ一覧取得"},
)
"""Those that OpenAPI names as examples; ConoHa has one for each call."""

LISTS: dict[str, dict[str, Any]] = {
    "/sub-users": {"users": []},
    "/sub-users/roles": {"roles": []},
    "/permissions": {"permissions": list(PERMISSIONS)},
}


def answer(call: Call) -> tuple[int, Any] | Refusal | None:
    """The lists; a refusal, as the lab's own, for what would make or change one; None for any other call."""
    if call.method == "GET" and call.path in LISTS:
        return 200, LISTS[call.path]
    if match("*", "/sub-users/**", call) is not None:
        return Refusal("ConoHa has sub-users and roles, and the lab makes none", 501)
    return None
