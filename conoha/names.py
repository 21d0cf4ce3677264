"""Which names ConoHa accepts, and the names TOYBOX gives.

Sources: GMO's OpenAPI of 2026-07-01 and its request schemas (github.com/gmo-internet/conoha_skills, read 2026-11-24).

A server's own name cannot be chosen (ConoHa calls it `vm-37806450-5c` or the like); what people see is the metadata
value `instance_name_tag`. Names of volumes need not be unique to ConoHa, but a look-up by name expects one hit; names
of security groups must be unique.

UNCONFIRMED (name-read-back): that a refresh, which reads `vm-...` for a server's name, plans no change. The provider
would send it in a PUT, which ConoHa does not have; the program ignores changes of the name.
"""

import re

INSTANCE_NAME_TAG = re.compile(r"[A-Za-z0-9_-]{1,255}")
KEY_PAIR = re.compile(r"[A-Za-z0-9_-]+")

STACK = re.compile(r"[a-z][a-z0-9-]{0,31}")
"""A stack's name becomes part of every name in the cloud: of ConoHa's alphabet, what also reads well in a host name."""


def server_name(stack: str) -> str:
    """Return the name of a stack's server, which its key pair and its security group have as well."""
    return f"toybox-{stack}"


def resource_name(stack: str, what: str) -> str:
    """The name of a resource in the cloud, `toybox-<stack>-<what>`: valid as instance_name_tag and as key pair name.

    Raises ValueError if ConoHa would refuse it.
    """
    name = f"{server_name(stack)}-{what}"
    if not INSTANCE_NAME_TAG.fullmatch(name):
        raise ValueError(f"ConoHa refuses the name {name!r}: it must be 1 to 255 of A-Z a-z 0-9 _ -")
    return name


ASIDE = "-before-[0-9]{8}T[0-9]{4}Z"
"""The end of the name of a volume that was put aside."""

VOLUME = re.compile(rf"toybox-({STACK.pattern}?)-(?:data|boot)(?:{ASIDE})?")
"""The names that TOYBOX gives volumes: data, boot, and former data that was put aside."""

DESCRIPTION = re.compile(rf"TOYBOX ({STACK.pattern}): .*")
"""The beginning of the descriptions of data volumes. ConoHa lets no client write a volume's metadata."""


def data_description(stack: str) -> str:
    """Return the description of a stack's data volume."""
    return f"TOYBOX {stack}: all user data. Never delete by hand."


def volume_owners(name: str, description: str) -> set[str]:
    """Return the stacks that own this volume by its name or its description; none if neither says so."""
    return {found[1] for found in (VOLUME.fullmatch(name), DESCRIPTION.fullmatch(description)) if found is not None}


def is_aside(name: str, stack: str) -> bool:
    """Return whether this is the name of a data volume of the stack that was put aside."""
    return re.fullmatch(re.escape(resource_name(stack, "data")) + ASIDE, name) is not None
