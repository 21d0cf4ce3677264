"""Which settings of a site's stack fit together.

The rules read the raw values and not the models, so that they speak up even where another setting is broken. The
models report missing and mistyped values; rules ignore them.
"""

import ipaddress
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from conoha import account, backup_limits, names, volumes
from conoha.flavors import FLAVORS
from settings.problems import Problem, shown
from settings.values.restore_points import MOST_KEPT
from settings.values.server import priced

Values = Mapping[str, object]


def across_settings(values: Values) -> list[Problem]:
    """The problems between the settings of one stack."""
    return [problem for rule in _RULES for problem in rule(values)]


def across_stacks(values: Values, siblings: Mapping[str, Values]) -> list[Problem]:
    """The problems between this stack's settings and those of the other stacks, by stack name."""
    domain = _text(values, "domain")
    return [
        Problem(
            "toybox:domain",
            f"is {domain}, which is also the domain of stack {stack} (Pulumi.{stack}.yaml).",
            "A domain points to one server: visitors, and the CA that signs the certificate, would meet the wrong one.",
            f"Give one of the two another name, such as {stack}.{domain}.",
        )
        for stack, other in siblings.items()
        if domain and domain.lower() == (_text(other, "domain") or "").lower()
    ]


def stack_name(stack: str) -> list[Problem]:
    """Whether the stack's name can be part of the names in the cloud."""
    if names.STACK.fullmatch(stack):
        return []
    return [
        Problem(
            f"stack {shown(stack)}",
            "has a name that cannot be part of a server's name.",
            "Everything in the cloud is called toybox-<stack>-<what>, and ConoHa takes letters, digits, _ and - there.",
            "Use a stack name of up to 32 lower-case letters, digits and -, such as prod or staging.",
        )
    ]


def encryption(values: Values, secrets: Collection[str], encrypted: Collection[str]) -> list[Problem]:
    """Which of the `secrets` are there but not among the `encrypted` keys."""
    return [
        Problem(
            f"toybox:{key}",
            "stands in plain text in the settings file (its text is not shown).",
            "The file is in Git: every reader of the repository, or of any copy of it, has this secret.",
            "Treat it as known to others and make a new one: "
            f"`pulumi config rm toybox:{key}`, then `toybox init --stack {{stack}}`.",
        )
        for key in secrets
        if key in values and key not in encrypted
    ]


def _at(values: Values, *path: str) -> object:
    found: object = values
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _text(values: Values, *path: str) -> str | None:
    found = _at(values, *path)
    return found if isinstance(found, str) else None


def _number(values: Values, *path: str) -> int | None:
    found = _at(values, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _on_conoha(values: Values) -> bool:
    return account.is_conoha(_text(values, "openstack", "authUrl") or "")


LEAST_MEMORY = 1024
"""MiB. The limits of TOYBOX's containers (components/containers/memory.py) do not fit in less."""


def _containers_fit_flavor(values: Values) -> Iterator[Problem]:
    plan = FLAVORS.get(_text(values, "server", "flavor") or "")
    if plan and plan.memory < LEAST_MEMORY:
        fits = ", ".join(other.name for other in FLAVORS.values() if other.memory >= LEAST_MEMORY)
        yield Problem(
            "toybox:server.flavor",
            f"is {plan.name}, whose memory is too small for TOYBOX.",
            f"Its containers need {LEAST_MEMORY} MB together. On less the kernel would end one of them at random.",
            f"Choose one of: {fits}.",
        )


def _boot_volume_fits_flavor(values: Values) -> Iterator[Problem]:
    plan = FLAVORS.get(_text(values, "server", "flavor") or "")
    size = _number(values, "server", "bootVolume", "size")
    if plan and size in volumes.BOOT.prices and size not in plan.boot_sizes:
        yield Problem(
            "toybox:server.bootVolume.size",
            f"is {size} GB, which {plan.name} does not take.",
            "The 512 MB plan boots from 30 GB and nothing else, and no other plan takes 30 GB: ConoHa would refuse the "
            "server after the volume had been made.",
            f"With {plan.name} choose one of: {priced(volumes.BOOT, plan.boot_sizes)}.",
        )


def _data_volume_fits_origin(values: Values) -> Iterator[Problem]:
    size, origin = _number(values, "dataVolume", "size"), _number(values, "dataVolume", "origin", "size")
    source = _text(values, "dataVolume", "origin", "source")
    if size is None or origin is None or source not in volumes.SOURCES:
        return
    if volumes.size_fits_origin(source, size, origin):
        return
    if source == "volume":
        wrong, why = "not the size of", "ConoHa clones a volume only into one of exactly its size."
    else:
        wrong, why = (
            "smaller than",
            "The data would not fit: a volume is never smaller than what it is made from.",
        )
    fitting = volumes.smallest_fitting(source, origin)
    yield Problem(
        "toybox:dataVolume.size",
        f"is {size} GB, {wrong} the {origin} GB of its origin, {source} {_at(values, 'dataVolume', 'origin', 'id')}.",
        why,
        f"Set dataVolume.size to {fitting}."
        if fitting
        else f"Check dataVolume.origin.size: ConoHa sells {priced(volumes.DATA, volumes.DATA.sizes)}.",
    )


def _conoha_makes_no_volume_from_a_snapshot(values: Values) -> Iterator[Problem]:
    if _on_conoha(values) and _text(values, "dataVolume", "origin", "source") == "snapshot":
        yield Problem(
            "toybox:dataVolume.origin.source",
            "is snapshot, and ConoHa cannot make a volume from a snapshot.",
            "ConoHa's snapshots live 24 hours and only roll back the volume they were taken of.",
            "Use source: backup with the id of a backup, or source: volume to clone a volume.",
        )


def _daily_needs_keep(values: Values) -> Iterator[Problem]:
    if _text(values, "snapshotPolicy", "schedule") == "daily" and _at(values, "snapshotPolicy", "keep") is None:
        yield Problem(
            "toybox:snapshotPolicy.keep",
            "is not set, and snapshotPolicy.schedule is daily.",
            "Old restore points are removed, and only you know how many are enough.",
            "Add it, for example: keep: 7",
        )


def _conoha_keeps_so_many_and_no_more(values: Values) -> Iterator[Problem]:
    keep = _number(values, "snapshotPolicy", "keep")
    if _text(values, "snapshotPolicy", "driver") == "conoha" and keep and backup_limits.MOST_KEPT < keep <= MOST_KEPT:
        yield Problem(
            "toybox:snapshotPolicy.keep",
            f"is {keep}, and ConoHa keeps {backup_limits.MOST_KEPT} automatic backups at most.",
            "ConoHa would refuse the subscription, and there would be no restore points at all.",
            f"Write a number up to {backup_limits.MOST_KEPT}; below {backup_limits.FEWEST_KEPT} it keeps "
            f"{backup_limits.FEWEST_KEPT}.",
        )


def _restore_points_are_conohas_own_there(values: Values) -> Iterator[Problem]:
    policy = ("snapshotPolicy", "driver")
    if _on_conoha(values) and _text(values, *policy) == "openstack":
        yield Problem(
            "toybox:snapshotPolicy.driver",
            "is openstack, and openstack.authUrl is ConoHa's.",
            "ConoHa's snapshots live 24 hours and no volume can be made from them: they are no restore points.",
            "Write driver: conoha, its automatic backup.",
        )


def _conoha_backs_up_larger_plans_only(values: Values) -> Iterator[Problem]:
    plan = _text(values, "server", "flavor")
    if (
        plan in backup_limits.NOT_OFFERED_WITH
        and _text(values, "snapshotPolicy", "driver") == "conoha"
        and _text(values, "snapshotPolicy", "schedule") == "daily"
    ):
        yield Problem(
            "toybox:snapshotPolicy.schedule",
            f"is daily, and ConoHa has no automatic backup for {plan}.",
            "The subscription would be refused after the server had been made, and there would be no restore points.",
            'Choose a larger server.flavor, or write schedule: "off".',
        )


def _acme_needs_an_email(values: Values) -> Iterator[Problem]:
    if _text(values, "tls", "issuer") == "acme" and _at(values, "tls", "email") is None:
        yield Problem(
            "toybox:tls.email",
            "is not set, and tls.issuer is acme.",
            "The CA writes there when a certificate is about to lapse or is revoked.",
            "Add it, for example: email: operators@toybox.example.jp",
        )


_RESERVED = ("test", "example", "invalid", "localhost", "local", "internal", "onion", "alt", "home.arpa")
_RESERVED_NAMES = ("example.com", "example.net", "example.org")
"""RFC 2606, 6761, 6762, 7686, 8375, 9476; `internal` by ICANN's resolution of 2024-07-29."""


def _acme_needs_a_public_domain(values: Values) -> Iterator[Problem]:
    domain = _text(values, "domain")
    dotted = f".{domain}".lower()
    reserved = next((name for name in (*_RESERVED, *_RESERVED_NAMES) if dotted.endswith(f".{name}")), None)
    if reserved and _text(values, "tls", "issuer") == "acme":
        yield Problem(
            "toybox:domain",
            f"is {domain}, under the reserved name {reserved}, and tls.issuer is acme.",
            "The name is reserved and cannot be owned, so no public CA signs a certificate for it, and the site would "
            "never answer over HTTPS.",
            "Write the domain that you own, or set tls.issuer to internal for a rehearsal.",
        )


_DOCUMENTATION = tuple(ipaddress.ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
"""RFC 5737: addresses for examples, which no host on the Internet has."""


def _operators_have_real_addresses(values: Values) -> Iterator[Problem]:
    operators = _at(values, "operators")
    if not _on_conoha(values) or not isinstance(operators, Sequence) or isinstance(operators, str):
        return
    for index, value in enumerate(operators):
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            continue
        if any(network[0] in example and network[-1] in example for example in _DOCUMENTATION):
            yield Problem(
                f"toybox:operators[{index}]",
                f"is still the placeholder {value}, from a range that exists for documentation only.",
                "No machine on the Internet has that address, so port 22 would be closed to all, Pulumi included.",
                "Write the address from which you run `pulumi up`, as the Internet sees it, followed by /32.",
            )


def _keeper_is_productions(values: Values) -> Iterator[Problem]:
    if _text(values, "environment") == "staging" and _at(values, "keeper") is not None:
        yield Problem(
            "toybox:keeper",
            "is set, and environment is staging.",
            "The keeper keeps production's data. Staging's is made again from production's restore points.",
            "Remove the block from this stack's settings.",
        )


def _keeper_has_a_real_address(values: Values) -> Iterator[Problem]:
    address = _text(values, "keeper", "address")
    if not _on_conoha(values) or address is None:
        return
    try:
        found = ipaddress.IPv4Address(address)
    except ValueError:
        return
    if any(found in example for example in _DOCUMENTATION):
        yield Problem(
            "toybox:keeper.address",
            f"is still the placeholder {address}, from a range that exists for documentation only.",
            "No machine on the Internet has that address, so no keeper could pull, and nothing would be kept.",
            "Write the keeper's own fixed address.",
        )


def _keepers_key_opens_nothing_else(values: Values) -> Iterator[Problem]:
    key, others = _text(values, "keeper", "sshKey"), _at(values, "authorizedKeys")
    if key is None or not isinstance(others, Sequence) or isinstance(others, str):
        return
    if any(isinstance(other, str) and other.split()[:2] == key.split()[:2] for other in others):
        yield Problem(
            "toybox:keeper.sshKey",
            "is also one of toybox:authorizedKeys.",
            "An intruder on the keeper could log in as root, and destroy the data that the keeper keeps.",
            "Take it out of authorizedKeys, or let `toybox init --stack keeper` make another key.",
        )


def _password_access_needs_the_password(values: Values) -> Iterator[Problem]:
    if _text(values, "access") == "password" and _at(values, "accessPassword") is None:
        yield Problem(
            "toybox:accessPassword",
            "is not set, and access is password.",
            "Without it the site would be locked to everybody, or open to everybody.",
            "Run `toybox init --stack {stack}`, which makes it and stores it encrypted.",
        )


def _keys_differ(values: Values) -> Iterator[Problem]:
    key = _text(values, "sshHostKey")
    if key and key == _text(values, "sshPrivateKey"):
        yield Problem(
            "toybox:sshHostKey",
            "is the same key as toybox:sshPrivateKey.",
            "The host key lies on the server: an intruder who reads it there could log in with it everywhere.",
            "`pulumi config rm toybox:sshHostKey`, then `toybox init --stack {stack}`, which makes a new one.",
        )


_RULES: tuple[Callable[[Values], Iterator[Problem]], ...] = (
    _containers_fit_flavor,
    _boot_volume_fits_flavor,
    _data_volume_fits_origin,
    _conoha_makes_no_volume_from_a_snapshot,
    _daily_needs_keep,
    _conoha_keeps_so_many_and_no_more,
    _restore_points_are_conohas_own_there,
    _conoha_backs_up_larger_plans_only,
    _acme_needs_an_email,
    _acme_needs_a_public_domain,
    _operators_have_real_addresses,
    _keeper_is_productions,
    _keeper_has_a_real_address,
    _keepers_key_opens_nothing_else,
    _password_access_needs_the_password,
    _keys_differ,
)
