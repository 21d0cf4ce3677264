"""The stack that is kept, as its outputs tell of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

OUTPUTS = ("address", "sshHostKey")
"""What the kept stack tells of its server."""
NOWHERE = "invalid"
"""A top-level domain that never exists (RFC 2606). The machine's `apply` knows it, too."""


@dataclass(frozen=True)
class Source:
    """The kept stack's server: where it is, and the host key by which it is known."""

    stack: str
    address: pulumi.Output[str]
    host_key: pulumi.Output[str]


def kept_source(stack: str) -> Source:
    """Return the source that the outputs of `stack` describe. They are read, and nothing of that stack is changed.

    A stack without any is not up, or its state is lost. Its keeper is set up all the same, because a copy comes back to
    it: it pulls from an address that does not exist.
    """
    reference = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}")
    told = pulumi.Output.all(**{name: reference.get_output(name) for name in OUTPUTS})
    known = told.apply(lambda outputs: found(stack, outputs))
    return Source(stack, known.apply(lambda both: both[0]), known.apply(lambda both: both[1]))


def found(stack: str, outputs: Mapping[str, object]) -> tuple[str, str]:
    """Return (address, host key) by OUTPUTS of the kept stack.

    Raises:
        pulumi.RunError: it has one of the two, and not the other.
    """
    if not any(outputs.values()):
        pulumi.log.warn(
            f"Stack {stack} has no outputs: it is not up, or its state is lost. The keeper is set up, and pulls from "
            "nothing, until it is updated again."
        )
        return f"{stack}.{NOWHERE}", ""
    for name, value in outputs.items():
        if not isinstance(value, str) or not value:
            raise pulumi.RunError(
                f"Stack {stack} has no output {name}.\n"
                "    Why:     The keeper pulls from that address, and from the machine with that host key alone.\n"
                f"    Way out: pulumi up --stack {stack}, with this checkout; then this stack again."
            )
    return str(outputs["address"]), str(outputs["sshHostKey"])
