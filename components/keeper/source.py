"""The stack that is kept, as its outputs tell of it."""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Source:
    """The kept stack's server: where it is, and the host key by which it is known."""

    stack: str
    address: pulumi.Output[str]
    host_key: pulumi.Output[str]


def kept_source(stack: str) -> Source:
    """Return the source that the outputs of `stack` describe. They are read, and nothing of that stack is changed."""
    reference = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}")

    def told(name: str) -> pulumi.Output[str]:
        return reference.get_output(name).apply(lambda value: require(stack, name, value))

    return Source(stack, told("address"), told("sshHostKey"))


def require(stack: str, name: str, value: object) -> str:
    """Return an output's value. Raises pulumi.RunError if the kept stack has none."""
    if isinstance(value, str) and value:
        return value
    raise pulumi.RunError(
        f"Stack {stack} has no output {name}.\n"
        "    Why:     The keeper pulls from that address, and from the machine with that host key alone.\n"
        f"    Way out: pulumi up --stack {stack}, with this checkout; then this stack again."
    )
