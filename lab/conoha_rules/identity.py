"""Logging in: with a password, to a project, in the domain `gnc`; nothing else.

Source: OpenAPI (`/v3/auth/tokens`: "password authentication only"; no path for projects, domains, application
credentials) and field reports (github.com/skworks33/terraform-conoha-v3-api README; the Horizon blog at
doc.conoha.jp: unscoped logins, re-scoping and listing projects all fail).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from conoha import account
from lab.conoha_rules.rule import Call, Facts, Refusal, Rule, match


def password_only(call: Call, facts: Facts) -> Refusal | None:
    """A token is given for a password. Not for another token (so there is no re-scoping), not for an application
    credential, not for a one-time password."""
    methods = call.part("auth").get("identity", {}).get("methods", [])
    if methods == ["password"]:
        return None
    return Refusal(f"ConoHa gives tokens for a password only, not for {', '.join(map(str, methods)) or 'nothing'}", 401)


def project_scope_only(call: Call, facts: Facts) -> Refusal | None:
    """A token without a project, or for a whole domain, is refused."""
    scope = call.part("auth").get("scope")
    if isinstance(scope, Mapping) and "project" in scope:
        return None
    return Refusal("ConoHa gives tokens for a project only: the login needs `scope.project`", 401)


def domains(auth: Mapping[str, Any]) -> Iterator[str]:
    """The domains that a login names, by name or by id: the user's and the project's."""
    user = auth.get("identity", {}).get("password", {}).get("user", {})
    scope = auth.get("scope")
    project = scope.get("project", {}) if isinstance(scope, Mapping) else {}
    for owner in (user, project):
        domain = owner.get("domain", {})
        yield from (domain[key] for key in ("name", "id") if key in domain)


def in_domain_gnc(call: Call, facts: Facts) -> Refusal | None:
    """Every account is in `gnc`. With ids of user and project no domain is needed (GMO's own provider logs in so)."""
    wrong = sorted(set(domains(call.part("auth"))) - {account.DOMAIN})
    if not wrong:
        return None
    return Refusal(f"ConoHa knows no account in the domain {wrong[0]!r}: every account is in {account.DOMAIN!r}", 401)


def nothing_else(call: Call, facts: Facts) -> Refusal | None:
    """Refuse Keystone's other calls: projects, users, domains, application credentials, checking or revoking a token.
    ConoHa has EC2 credentials (object storage's keys), sub-users, roles and permissions."""
    return Refusal(f"ConoHa's identity API has no {call.method} /v3{call.path}", 404)


ALLOWED = (
    *("", "/auth/tokens", "/users/{user}/credentials/OS-EC2", "/users/{user}/credentials/OS-EC2/{key}"),
    *("/sub-users/**", "/permissions"),
)

MOST_EC2_CREDENTIALS = 3


def in_the_api(call: Call, facts: Facts) -> Refusal | None:
    """Which calls there are."""
    if call.path == "/auth/tokens" and call.method != "POST":
        return nothing_else(call, facts)
    known = any(match("*", path, call) is not None for path in ALLOWED)
    return None if known else nothing_else(call, facts)


def three_ec2_credentials(call: Call, facts: Facts) -> Refusal | None:
    """Refuse a user's fourth credential (github.com/leonunix/conohav3-python-sdk `conoha/identity.py`: three at
    most)."""
    if len(facts.ec2_credentials(call.ids["user"])) < MOST_EC2_CREDENTIALS:
        return None
    return Refusal(f"ConoHa allows {MOST_EC2_CREDENTIALS} EC2 credentials for a user: delete one first", 409)


RULES = (
    Rule("*", "/**", in_the_api),
    Rule("POST", "/users/{user}/credentials/OS-EC2", three_ec2_credentials),
    Rule("POST", "/auth/tokens", password_only),
    Rule("POST", "/auth/tokens", project_scope_only),
    Rule("POST", "/auth/tokens", in_domain_gnc),
)
