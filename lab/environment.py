"""The shell environment in which plain `pulumi` and `toybox` work on the lab."""

import os
import shlex
from collections.abc import Mapping


def exports(variables: Mapping[str, str], path: str) -> str:
    """Lines for a shell's `eval`. `path` is the PATH of now: where a variable ends with it, the shell's own is put in
    its place."""
    lines = []
    for name, value in variables.items():
        if name == "PATH" and value.endswith(f":{path}"):
            lines.append(f'export PATH={shlex.quote(value.removesuffix(path))}"$PATH"')
        else:
            lines.append(f"export {name}={shlex.quote(value)}")
    return "\n".join(lines)


def stack_exports(stack: str) -> str:
    """The lines for one stack of the people's workspace. Works from any checkout: it names this one."""
    from lab.stack import PEOPLE, environment

    return exports(environment(PEOPLE, stack), os.environ["PATH"])
