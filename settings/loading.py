"""Load the settings of a stack, and report all problems at once.

`parse` and `checked` are pure. The other functions read the running Pulumi program and the settings files beside it.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from settings import error_texts, rules
from settings.catalogue import NAMESPACE, Catalogue, Described, Model, describe
from settings.problems import Problem, SettingsError
from settings.site import DECLARED, Declared, Secrets, Settings


def parse(
    stack: str,
    given: Mapping[str, object],
    encrypted: Collection[str],
    siblings: Mapping[str, Mapping[str, object]],
) -> Settings:
    """The checked settings of `stack`. Pure.

    `given` are all values of the namespace by key without its prefix, secrets included, as plain data (text, numbers,
    lists, mappings); `encrypted` names the keys that are stored encrypted; `siblings` are the other stacks' values by
    stack name, of which only the domain is looked at. Raises SettingsError with every problem there is, in the order of
    the settings.
    """
    across = [*rules.across_settings(given), *rules.across_stacks(given, siblings)]
    return Settings.model_validate(checked(stack, given, encrypted, Declared, Secrets, across))


def checked(
    stack: str,
    given: Mapping[str, object],
    encrypted: Collection[str],
    declared: type[Model],
    secrets: type[Model],
    across: Sequence[Problem],
) -> dict[str, object]:
    """Return the values of a model that has the settings of `declared`, and `secrets` and `stack` besides. Pure; the
    first three arguments are those of `parse`.

    Raises:
        SettingsError: with the problems of both models, those `across` settings, and secrets in plain text.
    """
    plain, secret = describe(declared), describe(secrets)
    catalogue = {**plain, **secret}
    ours = {key: value for key, value in given.items() if (key,) in secret}
    others = {key: value for key, value in given.items() if (key,) not in secret}
    problems = [
        *rules.stack_name(stack),
        *error_texts.problems(declared, others, catalogue),
        *error_texts.problems(secrets, ours, catalogue),
        *across,
        *rules.encryption(given, [key for (key,) in secret], encrypted),
    ]
    if problems:
        raise SettingsError(stack, error_texts.in_order(problems, catalogue))
    return {**others, "secrets": ours, "stack": stack}


# The edge: what the running Pulumi program and the files beside it hold.


def from_pulumi(raw: Mapping[str, str], catalogue: Catalogue = DECLARED) -> dict[str, object]:
    """Return the namespace's values as plain data. Pulumi hands them to a program as text: all that is no
    text as JSON."""
    prefix = f"{NAMESPACE}:"
    return {
        key.removeprefix(prefix): _plain(catalogue.get((key.removeprefix(prefix),)), text)
        for key, text in raw.items()
        if key.startswith(prefix)
    }


def _plain(setting: Described | None, text: str) -> object:
    if setting is None or setting.kind in ("text", "secret"):
        return text  # What is text anyway stays as it is: a password may look like JSON.
    try:
        return json.loads(text)
    except ValueError:
        return text


def sibling_settings(folder: Path, stack: str) -> dict[str, dict[str, object]]:
    """The plain settings of the other stacks in `folder`, by stack name, from their Pulumi.<stack>.yaml."""
    import yaml

    found: dict[str, dict[str, object]] = {}
    prefix = f"{NAMESPACE}:"
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        name = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
        if name == stack:
            continue
        try:
            config = (yaml.safe_load(file.read_text()) or {}).get("config") or {}
            found[name] = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
        except (OSError, ValueError, yaml.YAMLError, AttributeError) as error:
            problem = Problem(
                file.name,
                f"cannot be read: {' '.join(str(error).split())}",
                "The stacks' settings are compared, so that no two of them claim the same domain.",
                "Mend the file, or move it away if that stack is gone.",
            )
            raise SettingsError(stack, [problem]) from error
    return found


def load() -> Settings:
    """The settings of the stack that the running Pulumi program is for. Raises SettingsError."""
    stack, given, encrypted = configured(DECLARED)
    return parse(stack, given, encrypted, sibling_settings(Path(__file__).parents[1], stack))


def configured(catalogue: Catalogue) -> tuple[str, dict[str, object], set[str]]:
    """Return the running program's stack, its values by key, and the keys of those that are stored encrypted."""
    import pulumi
    from pulumi.runtime import config

    # pulumi.Config answers only for names that one asks it for, and unknown keys must be seen. A language host passes
    # the values in the environment or sets them in the process; like pulumi.Config this reads both.
    raw = {**config.get_config_env(), **config.CONFIG.get()}
    secret = {*config.get_config_secret_keys_env(), *(key for key in raw if config.is_config_secret(key))}
    encrypted = {key.removeprefix(f"{NAMESPACE}:") for key in secret}
    return pulumi.get_stack(), from_pulumi(raw, catalogue), encrypted
