"""The stack that is kept, as its outputs tell of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

OUTPUTS = ("address", "sshHostKey", "web")
"""What the kept stack tells of its server, and of the process that a drill starts on what it restored."""
NOWHERE = "invalid"
"""A top-level domain that never exists (RFC 2606). The machine's `apply` knows it, too."""


@dataclass(frozen=True)
class Source:
    """The kept stack's server: where it is, the host key by which it is known, and how its web process starts."""

    stack: str
    address: pulumi.Output[str]
    host_key: pulumi.Output[str]
    web: pulumi.Output[dict[str, Any]]


def kept_source(stack: str) -> Source:
    """Return the source that the outputs of `stack` describe. They are read, and nothing of that stack is changed.

    A stack without any is not up, or its state is lost. Its keeper is set up all the same, because a copy comes back to
    it: it pulls from an address that does not exist.
    """
    reference = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}")
    told = pulumi.Output.all(**{name: reference.get_output(name) for name in OUTPUTS})
    known = told.apply(lambda outputs: found(stack, outputs))
    address, host_key = known.apply(lambda each: each[0]), known.apply(lambda each: each[1])
    return Source(stack, address, host_key, known.apply(lambda each: each[2]))


def found(stack: str, outputs: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return (address, host key, how the web process starts) by OUTPUTS of the kept stack.

    Raises:
        pulumi.RunError: it has one of them, and not another.
    """
    if not any(outputs.values()):
        pulumi.log.warn(
            f"Stack {stack} has no outputs: it is not up, or its state is lost. The keeper is set up, and pulls from "
            "nothing, until it is updated again."
        )
        return f"{stack}.{NOWHERE}", "", {}
    for name, value in outputs.items():
        if not value:
            raise pulumi.RunError(
                f"Stack {stack} has no output {name}.\n"
                "    Why:     The keeper pulls from that address, and from the machine with that host key alone. "
                "A drill starts that web process.\n"
                f"    Way out: pulumi up --stack {stack}, with this checkout; then this stack again."
            )
    return str(outputs["address"]), str(outputs["sshHostKey"]), dict(outputs["web"])
