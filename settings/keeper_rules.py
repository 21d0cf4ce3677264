"""Which settings of the keeper's stack fit together.

The rules read the raw values, as those of `settings.rules` do. The models report missing and mistyped values; rules
ignore them.
"""

from collections.abc import Iterator, Mapping

from settings.problems import Problem

OF_THE_COPY = ("copyAccessKey", "copySecretKey", "copyPassword")
"""The secrets that a keeper with a copy needs, and no other."""


def across_settings(given: Mapping[str, object], siblings: Mapping[str, Mapping[str, object]]) -> list[Problem]:
    """Return the problems between the settings of the keeper's stack, and with the stacks beside it, by stack name."""
    return [
        *_placeholder_address(given),
        *_keys_differ(given),
        *_only_production_is_kept(given, siblings),
        *_a_copy_needs_its_secrets(given),
    ]


_PLACEHOLDERS = "192.0.2."
"""RFC 5737: the network that the committed settings name. The lab's machines have addresses of another one."""


def _placeholder_address(given: Mapping[str, object]) -> Iterator[Problem]:
    machine = given.get("machine")
    address = machine.get("address") if isinstance(machine, Mapping) else None
    if isinstance(address, str) and address.startswith(_PLACEHOLDERS):
        yield Problem(
            "toybox:machine.address",
            f"is still the placeholder {address}, from a range that exists for documentation only.",
            "No machine on the Internet has that address.",
            "Write the keeper's fixed address, here and in toybox:keeper of the stack that it keeps.",
        )


def _keys_differ(given: Mapping[str, object]) -> Iterator[Problem]:
    key = given.get("pullKey")
    if isinstance(key, str) and key == given.get("sshPrivateKey"):
        yield Problem(
            "toybox:pullKey",
            "is the same key as toybox:sshPrivateKey.",
            "The kept stack's settings name its public half: an intruder on one of the two machines would have both.",
            "`pulumi config rm toybox:pullKey`, then `toybox init --stack {stack}`, which makes a new one.",
        )


def _only_production_is_kept(
    given: Mapping[str, object], siblings: Mapping[str, Mapping[str, object]]
) -> Iterator[Problem]:
    keeps = given.get("keeps")
    if not isinstance(keeps, str):
        return
    role = siblings.get(keeps, {}).get("environment")
    kept = sorted(name for name, other in siblings.items() if other.get("environment") == "production")
    if role != "production":
        yield Problem(
            "toybox:keeps",
            f"is {keeps}, "
            + (f"whose environment is {role}." if keeps in siblings else f"and there is no Pulumi.{keeps}.yaml."),
            "A keeper keeps what cannot be made again; only production's data cannot.",
            f"Choose one of: {', '.join(kept) or 'none is there; declare production first'}.",
        )


def _a_copy_needs_its_secrets(given: Mapping[str, object]) -> Iterator[Problem]:
    if not given.get("copy"):
        return
    for key in OF_THE_COPY:
        if given.get(key) is None:
            yield Problem(
                f"toybox:{key}",
                "is not set, and copy is declared.",
                "Without it nothing gets into the object storage, and nothing comes back from there.",
                "Run `toybox init --stack {stack}`, which asks for the keys and makes the password.",
            )
    password = given.get("copyPassword")
    if isinstance(password, str) and password == given.get("repositoryPassword"):
        yield Problem(
            "toybox:copyPassword",
            "is the same as toybox:repositoryPassword.",
            "The copy is there for the day when the keeper, and all that lies on it, is in wrong hands.",
            "`pulumi config rm toybox:copyPassword`, then `toybox init --stack {stack}`, which makes another one.",
        )
