"""Report what the keeper says of itself, where one keeps the stack and this checkout knows it."""

from dataclasses import replace

from ops import OpsError
from ops.backup.asking import keeper_of
from ops.backup.commands import look
from ops.cloud import plain_settings
from ops.pulumi_cli import PulumiStack
from ops.status.line import Line
from settings import Declared
from settings.keeper import ENVIRONMENT
from settings.problems import SettingsError

NAME = "keeper"


def keeper_stack(stack: PulumiStack) -> str | None:
    """Return the name of the stack that keeps this one, by the settings files beside its own; None if there is none."""
    for file in sorted(stack.settings_file.parent.glob("Pulumi.*.yaml")):
        name = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
        try:
            plain = plain_settings(stack.sibling(name))
        except OpsError:
            continue  # a broken file is told of where its own stack is asked for
        if plain.get("environment") == ENVIRONMENT and plain.get("keeps") == stack.name:
            return name
    return None


def keeper_lines(settings: Declared, keeper: str | None) -> list[Line]:
    """Return the keeper's lines about a production that lets one in. `keeper` is its stack. Its silence is red."""
    if settings.environment != "production":
        return []
    if settings.keeper is None:
        return [Line(NAME, "off", "none: toybox:keeper is not set, and what the cloud loses is gone")]
    if keeper is None:
        text = "a keeper is let in, and no Pulumi.<stack>.yaml here says which: what it holds is not known"
        return [Line(NAME, "unknown", text)]
    try:
        lines = look(keeper_of(keeper))
    except (OpsError, SettingsError) as error:
        return [Line(NAME, "bad", " ".join(str(error).split()), f"pulumi preview --stack {keeper}")]
    return [replace(line, name=line.name if line.name == NAME else f"{NAME} {line.name}") for line in lines]
