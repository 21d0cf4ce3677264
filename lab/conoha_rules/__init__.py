"""ConoHa's rules before the lab's OpenStack: a proxy that refuses what ConoHa VPS Ver.3.0 refuses.

A rule is one pure function: of a call and of what the cloud says (`rule.Facts`) to a refusal, a changed call, or
nothing. `proxy` is the thin edge around them. What ConoHa has and OpenStack has not, the automatic backup, is in
`automatic_backup` (the calls) and `nights` (the nightly run, real Cinder backups).

Sources named in the rules, as read on 2026-11-24:

- OpenAPI: GMO's https://github.com/gmo-internet/conoha_vps_openapi (`openapi.yaml`, 2026-07-01);
- GMO's skill: https://github.com/gmo-internet/conoha_skills (`request-body-schemas.md`);
- field: somebody ran it on a real account and wrote it down; the repository is named.

What nobody has proved carries the word UNCONFIRMED with a name in brackets; docs/first-checks-on-conoha.md has a cheap
check for each of these names.
"""

from pathlib import Path

PREFIXES = {"identity": "keystone", "compute": "nova", "volume": "cinder", "image": "glance", "network": "neutron"}
"""The proxy's paths, and the service behind each."""


def book_path(state: Path) -> Path:
    """The file of what ConoHa remembers and OpenStack does not."""
    return state / "conoha.json"
