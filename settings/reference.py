"""Write docs/settings.md and docs/keeper-settings.md from the models: `python -m settings.reference`.
Tests check them."""

from pathlib import Path

from settings import keeper, site
from settings.catalogue import Catalogue, Described, example_text, path_text

FILE = Path(__file__).parent.parent / "docs" / "settings.md"
KEEPER_FILE = FILE.with_name("keeper-settings.md")

HEAD = """\
# Settings

<!-- Made from settings/site.py by `python -m settings.reference`: change it there. -->

A stack's settings stand in `Pulumi.<stack>.yaml`, under `toybox:`. All of them are checked before anything is created,
and all problems are reported together: an unknown key, a size that ConoHa does not sell, a data volume smaller than
what it is made from, a missing secret, two stacks with one domain. Prices are ConoHa's, per month with tax, of
2026-09-28.

A complete file, but for the secrets:

```yaml
{example}```
"""

SECRETS_HEAD = """\
# Secrets

Each is stored encrypted in the same file. `toybox init --stack STACK` makes those that are missing, asks for
`openstackPassword`, and never changes one that is there. To change one: `pulumi config rm toybox:<name>`, then
`toybox init --stack STACK`.
"""


KEEPER_HEAD = """\
# The keeper's settings

<!-- Made from settings/keeper.py by `python -m settings.reference`: change it there. -->

The settings of the stack that keeps backups stand in `Pulumi.keeper.yaml`, under `toybox:`. All of them are checked
before anything is changed, and all problems are reported together.

A complete file, but for the secrets:

```yaml
{example}```
"""

KEEPER_SECRETS_HEAD = """\
# Secrets

Each is stored encrypted in the same file. `toybox init --stack keeper` makes those that are missing and never changes
one that is there. Each time it prints the block `toybox:keeper` for the kept stack's settings, which has nothing secret
in it.
"""


def keeper_text() -> str:
    """Return the whole file of the keeper's settings."""
    parts = [KEEPER_HEAD.format(example=example_file(keeper.DECLARED))]
    parts += [section(path, each) for path, each in keeper.DECLARED.items()]
    parts += [KEEPER_SECRETS_HEAD]
    parts += [section(path, each) for path, each in keeper.SECRETS.items()]
    return "\n".join(parts)


def text() -> str:
    """The whole file."""
    parts = [HEAD.format(example=example_file())]
    parts += [section(path, each) for path, each in site.DECLARED.items()]
    parts += [SECRETS_HEAD]
    parts += [section(path, each) for path, each in site.SECRETS.items()]
    return "\n".join(parts)


def example_file(catalogue: Catalogue = site.DECLARED) -> str:
    """A complete settings file without secrets, put together from the examples. Of a choice of blocks, the simplest."""
    return "config:\n" + "".join(_example_lines(catalogue))


def _example_lines(catalogue: Catalogue) -> list[str]:
    lines = []
    for path, setting in catalogue.items():
        if path[:-1] == ("dataVolume", "origin") and path[-1] != "source":
            continue  # source: blank stands alone.
        key = path_text(path) if len(path) == 1 else path[-1]
        lines.append(f"{'  ' * len(path)}{key}:{_example(setting)}\n")
    return lines


def _example(setting: Described) -> str:
    return "" if setting.kind == "block" else f" {example_text(setting.example)}"


def section(path: tuple[str, ...], setting: Described) -> str:
    """Return the section of one setting."""
    level = "#" * (len(path) + 1)
    lines = [f"{level} `{path_text(path)}`", "", setting.description, ""]
    allowed = ", ".join(f"`{choice}`" for choice in setting.choices) or setting.allowed
    default = f"default `{example_text(setting.default)}`" if setting.default not in (None, []) else "no default"
    need = "required" if setting.required else f"optional, {default}"
    lines.append(f"- {setting.kind[0].upper()}{setting.kind[1:]}, {need}.")
    if allowed:
        lines.append(f"- Allowed: {allowed}.")
    if setting.source:
        lines.append(f"- Copy it from {setting.source}.")
    if setting.kind not in ("block", "secret"):
        lines.append(f"- Example: `{path[-1]}:{_example(setting)}`")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
    KEEPER_FILE.write_text(keeper_text())
