"""The settings of a stack (`toybox:` in Pulumi.<stack>.yaml) as typed, validated, frozen models.

`parse` is pure and reports every problem at once; `load` reads the running Pulumi program's configuration and calls it. The
descriptions below are the one place where a setting is explained: error messages and docs/settings.md are made from them.

Settings says what is wanted, not how it is built: the components do that. It asks no cloud; what ConoHa sells is in `conoha`.
"""

import difflib
import ipaddress
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, Strict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from conoha import account, names, volumes
from conoha.flavors import FLAVORS

NAMESPACE = "toybox"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, why it matters, and the way out."""

    path: str
    wrong: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path} {self.wrong}\n    Why:     {self.why}\n    Way out: {self.remedy}"


class SettingsError(Exception):
    """The settings of a stack cannot be used. Its text lists all problems and is all an operator needs to see."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        self.stack = stack
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"The settings of stack {stack} have {count}. Nothing was created or changed."]
        super().__init__("\n\n".join([*lines, *(str(problem) for problem in self.problems)]))


def _wrong(what: str, why: str, remedy: str) -> PydanticCustomError:
    """A refusal with its reason and way out, in the shape that `_from_pydantic` takes apart again."""
    return PydanticCustomError("setting", "{wrong}", {"wrong": what, "why": why, "remedy": remedy})


def _shown(value: object) -> str:
    """A value as it is quoted in a message: short, on one line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 100 else text[:97] + "..."


def _nearest(word: str, known: Collection[str]) -> str | None:
    """The one of `known` that was probably meant by `word`, if any."""
    by_lower = {each.lower(): each for each in known}
    hits = difflib.get_close_matches(word.lower().replace("_", ""), by_lower, n=1, cutoff=0.6)
    return by_lower[hits[0]] if hits else None


def _one_of(value: str, known: Collection[str], listed: str) -> str:
    """The way out of a wrong choice: the nearest name, then all of them."""
    near = _nearest(value, known)
    return f"{f'Did you mean {near}? ' if near else ''}Choose one of: {listed}."


# What single values must look like. Each checker returns the value or raises `_wrong`.


def _auth_url(value: str) -> str:
    parts = urlsplit(value)
    remedy = f"Use {account.AUTH_URL}."
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.rstrip("/").endswith("/v3"):
        raise _wrong(
            f"is {_shown(value)}, which is not the address of an OpenStack Identity API v3.",
            "Every call to the cloud begins with a login there.",
            remedy,
        )
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise _wrong(
            f"is {_shown(value)}: http to another machine.",
            "The account's password would cross the network in plain text.",
            remedy,
        )
    return value


def _exactly(expected: str, why: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value != expected:
            raise _wrong(f"is {_shown(value)}; ConoHa has only {expected}.", why, f"Write {expected}.")
        return value

    return check


def _account_name(pattern: re.Pattern[str], kind: str) -> Callable[[str], str]:
    prefix = pattern.pattern.split("[", 1)[0]

    def check(value: str) -> str:
        remedy = f"Copy the API {kind} name ({prefix}...) from ConoHa's control panel, under API."
        if not pattern.fullmatch(value):
            raise _wrong(
                f"is {_shown(value)}, which is not an API {kind} name of ConoHa.",
                "The login would fail, with the same answer as for a wrong password.",
                remedy,
            )
        if not value.removeprefix(prefix).strip("0"):
            raise _wrong(
                f"is still the placeholder {value}.", "Only you know which account the server belongs to.", remedy
            )
        return value

    return check


_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def _domain(value: str) -> str:
    labels = value.split(".")
    if len(labels) < 2 or len(value) > 253 or labels[-1].isdigit() or not all(map(_LABEL.fullmatch, labels)):
        raise _wrong(
            f"is {_shown(value)}, which is not a full domain name in lower case.",
            "Caddy asks for a certificate of exactly this name, and Django answers to no other.",
            "Write the bare name, such as toybox.example.jp: no https://, no path, no port, no dot at the end; names in "
            "other scripts as xn--...",
        )
    return value


_RESERVED = ("test", "example", "invalid", "localhost", "local", "internal", "onion", "alt", "home.arpa")
_RESERVED_NAMES = ("example.com", "example.net", "example.org")
"""RFC 2606, 6761, 6762, 7686, 8375, 9476; `internal` by ICANN's resolution of 2024-07-29."""


def _reserved(domain: str) -> str | None:
    """The reserved name that `domain` lies under, if any: nobody owns it, so no public CA signs it."""
    return next((name for name in (*_RESERVED, *_RESERVED_NAMES) if f".{domain}".endswith(f".{name}")), None)


_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise _wrong(
            f"is {_shown(value)}, which is not an e-mail address.",
            "The CA writes there when a certificate is about to lapse or is revoked.",
            "Write an address that somebody reads.",
        )
    return value


_WIDEST = {4: 8, 6: 16}
"""The shortest prefix by IP version that may still be called "the operators' network"."""


def _operator(value: str) -> str:
    why = "These addresses may reach port 22; anybody else is turned away before SSH answers."
    example = "Write your own address, such as 203.0.113.7/32, or your network's, such as 203.0.113.0/24."
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise _wrong(f"is {_shown(value)}, which is not a network in CIDR notation.", why, example) from None
    if network.prefixlen < _WIDEST[network.version]:
        whom = "the whole world" if network.prefixlen == 0 else f"{network.num_addresses:,} addresses"
        raise _wrong(
            f"is {value}, which opens port 22 to {whom}.",
            "SSH as root is the key to all data. Whoever is not an operator has no business even trying.",
            f"{example} With a changing address, name your provider's network (at most /{_WIDEST[network.version]}).",
        )
    if value != str(network):
        raise _wrong(
            f"is {_shown(value)}; as a network it is written {network}.",
            "OpenStack stores the network's own spelling, and every later preview would show a difference.",
            f"Write {network}"
            + (f", or {value.split('/')[0]}/{network.max_prefixlen} for that one address." if "/" in value else "."),
        )
    return value


def _operators(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise _wrong(
            "is empty.",
            "Nobody could reach the server over SSH, Pulumi included, so nothing could be set up on it.",
            "Name at least the address from which `pulumi up` runs, such as 203.0.113.7/32.",
        )
    twice = sorted({each for each in value if value.count(each) > 1})
    if twice:
        raise _wrong(
            f"names {', '.join(twice)} more than once.",
            "Each entry becomes a security group rule, and OpenStack refuses the second of two equal ones.",
            "Keep one of them.",
        )
    return value


def _flavor(value: str) -> str:
    if value not in FLAVORS:
        listed = ", ".join(
            f"{f.name} ({f.vcpus} vCPU, {_memory(f.memory)}, ¥{f.price:,} a month)" for f in FLAVORS.values()
        )
        raise _wrong(
            f"is {_shown(value)}, which ConoHa's public API does not sell.",
            "The server would be refused after its volumes had been made and billed.",
            _one_of(value, FLAVORS, listed),
        )
    return value


def _memory(mebibytes: int) -> str:
    return f"{mebibytes // 1024} GB" if mebibytes >= 1024 else f"{mebibytes} MB"


_SERVER_IMAGE = re.compile(r"vmi-docker-[0-9][0-9a-z.]*-(ubuntu|debian)-[0-9][0-9.]*-amd64")


def _server_image(value: str) -> str:
    if not _SERVER_IMAGE.fullmatch(value):
        raise _wrong(
            f"is {_shown(value)}, which is not the name of one of ConoHa's Docker images.",
            "The program expects Docker on the server and installs none: a second Docker beside the first was part of the "
            "data loss of 2026-01-22.",
            "Use a name like vmi-docker-26.1-ubuntu-22.04-amd64; `openstack image list` shows those of the day.",
        )
    return value


def _volume_type(known: volumes.VolumeType, purpose: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value != known.name:
            raise _wrong(
                f"is {_shown(value)}; ConoHa's type for {purpose} volumes is {known.name}.",
                'Another type is refused ("volume type does not exist") or belongs to another kind of plan.',
                f"Write {known.name}.",
            )
        return value

    return check


def _volume_size(known: volumes.VolumeType) -> Callable[[int], int]:
    def check(value: int) -> int:
        if value not in known.prices:
            raise _wrong(
                f"is {value} GB, a size that ConoHa does not sell for {known.name}.",
                "The volume would be refused, and a volume cannot be resized later.",
                f"Choose one of: {_sizes(known, known.sizes)}.",
            )
        return value

    return check


def _sizes(known: volumes.VolumeType, sizes: Collection[int]) -> str:
    """Sizes with their prices, as in `200 (¥3,025 a month)`."""
    return ", ".join(
        f"{size} (¥{known.prices[size]:,} a month)" if known.prices[size] else f"{size} (in the plan's price)"
        for size in sizes
    )


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _uuid(value: str) -> str:
    if not _UUID.fullmatch(value):
        raise _wrong(
            f"is {_shown(value)}, which is not an id of OpenStack.",
            "The new volume is made from exactly this backup, snapshot or volume.",
            "Copy the id from `openstack volume backup list` or `openstack volume list`; it looks like "
            "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64.",
        )
    return value


# The grammar of https://github.com/distribution/reference (read 2026-11-24): registry host and port, path, tag, digest.
_REFERENCE = re.compile(
    r"(?P<name>(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
    r"|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def _image(value: str) -> str:
    match = _REFERENCE.fullmatch(value)
    if match is None:
        raise _wrong(
            f"is {_shown(value)}, which is not an image reference.",
            "Docker on the server would refuse to pull it.",
            "Write registry/name:tag@sha256:<64 hex digits>, all but the tag in lower case.",
        )
    if match["digest"] is None:
        raise _wrong(
            f"is {_shown(value)}, without a digest.",
            "A tag can point to another image tomorrow: two runs of the same settings would run different software, and a new "
            "glibc can silently break the indexes of a database.",
            f"Append the digest: {value}@sha256:...; `docker buildx imagetools inspect {value}` prints it.",
        )
    return value


def _postgres_image(value: str) -> str:
    match = _REFERENCE.fullmatch(_image(value))
    tag = match["tag"] if match else None
    major = re.match(r"[0-9]+", tag or "")
    if major and major[0] != "15":
        raise _wrong(
            f"is PostgreSQL {major[0]}, by its tag {tag}.",
            "The data directory belongs to version 15: another major version stops at once and says the files are incompatible.",
            "Use a tag that begins with 15. A major upgrade is a migration of the data, not a change of the image.",
        )
    return value


# The models. A description says why the setting is there and what it does; an example is what one would type.


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        hide_input_in_errors=True,
    )

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The names of the settings as they stand in the file."""
        return tuple(info.alias or name for name, info in cls.model_fields.items())


class OpenStack(_Model):
    """The account in which everything is made."""

    auth_url: Annotated[str, AfterValidator(_auth_url)] = Field(
        description="Where to log in. ConoHa's Identity API, or that of another OpenStack with ConoHa's names.",
        examples=[account.AUTH_URL],
    )
    region: Annotated[
        str, AfterValidator(_exactly(account.REGION, "Volume types and sizes are known for that region only."))
    ] = Field(
        description="The region in which server and volumes are made.",
        examples=[account.REGION],
    )
    domain_name: Annotated[
        str,
        AfterValidator(
            _exactly(account.DOMAIN, "With another domain the login fails with the same answer as for a wrong password.")
        ),
    ] = Field(
        description="The Keystone domain of user and tenant, the same for every ConoHa account.",
        examples=[account.DOMAIN],
    )
    tenant_name: Annotated[str, AfterValidator(_account_name(account.TENANT_NAME, "tenant"))] = Field(
        description="The API tenant that owns and pays for everything.",
        examples=["gnct12345678"],
    )
    user_name: Annotated[str, AfterValidator(_account_name(account.USER_NAME, "user"))] = Field(
        description="The API user that Pulumi logs in as. Its password is the secret openstackPassword.",
        examples=["gncu12345678"],
    )


class Tls(_Model):
    """Who signs the site's certificate."""

    issuer: Literal["acme", "internal"] = Field(
        description="acme: a public CA, which must reach the domain on port 80 or 443. internal: Caddy's own CA, which no "
        "browser trusts; for rehearsals.",
        examples=["acme"],
    )
    email: Annotated[str, AfterValidator(_email)] | None = Field(
        default=None,
        description="Where the CA writes when a certificate is about to lapse. Required with issuer acme.",
        examples=["operators@toybox.example.jp"],
    )


class BootVolume(_Model):
    """The server's own disk. It is lost when the server is replaced, and nothing of value lives on it."""

    type: Annotated[str, AfterValidator(_volume_type(volumes.BOOT, "boot"))] = Field(
        description="ConoHa's volume type for boot volumes.",
        examples=[volumes.BOOT.name],
    )
    size: Annotated[int, AfterValidator(_volume_size(volumes.BOOT))] = Field(
        description="In GB. The 512 MB plan takes 30 and nothing else; every other plan 100 or more.",
        examples=[100],
    )


class Server(_Model):
    """The disposable part: replacing it keeps the data volume."""

    flavor: Annotated[str, AfterValidator(_flavor)] = Field(
        description="ConoHa's plan: vCPUs and memory. PostgreSQL and the workers are tuned to its memory.",
        examples=["g2l-t-c4m4"],
    )
    image: Annotated[str, AfterValidator(_server_image)] = Field(
        description="The image the server starts from: one of ConoHa's with Docker, looked up by name.",
        examples=["vmi-docker-26.1-ubuntu-22.04-amd64"],
    )
    boot_volume: BootVolume = Field(description="The server's own disk, lost when the server is replaced.")


class Blank(_Model):
    """An empty volume."""

    source: Literal["blank"] = Field(
        description="What the volume is made from: nothing (blank), a ConoHa backup, a Cinder snapshot, or a clone of "
        "another volume. Looked at once, when the volume is made, and never again.",
        examples=["blank"],
    )


class RestorePoint(_Model):
    """What a volume is made from, other than nothing."""

    source: Literal["backup", "snapshot", "volume"] = Field(
        description="The kind of thing `id` names. ConoHa cannot make a volume from a snapshot.",
        examples=["backup"],
    )
    id: Annotated[str, AfterValidator(_uuid)] = Field(
        description="The id of the backup, snapshot or volume.",
        examples=["3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"],
    )
    size: Annotated[int, Field(gt=0)] = Field(
        description="The size in GB of the volume it was made of, so that one that cannot fit is refused in the preview.",
        examples=[200],
    )


class DataVolume(_Model):
    """The disk that outlives the server: PostgreSQL, Redis, uploads, certificates."""

    type: Annotated[str, AfterValidator(_volume_type(volumes.DATA, "data"))] = Field(
        description="ConoHa's volume type for additional volumes.",
        examples=[volumes.DATA.name],
    )
    size: Annotated[int, AfterValidator(_volume_size(volumes.DATA))] = Field(
        description="In GB. A volume cannot be resized later: a larger one means a new volume and a copy.",
        examples=[200],
    )
    origin: Annotated[Blank | RestorePoint, Field(discriminator="source")] = Field(
        description="What the volume is made from, the first time."
    )


class Images(_Model):
    """The container images, each with its digest: what was tested is what runs."""

    postgres: Annotated[str, AfterValidator(_postgres_image)] = Field(
        description="PostgreSQL 15, with its Debian release named in the tag.",
        examples=["docker.io/library/postgres:15-bookworm@sha256:<64 hex digits>"],
    )
    redis: Annotated[str, AfterValidator(_image)] = Field(
        description="Redis 7.",
        examples=["docker.io/library/redis:7-bookworm@sha256:<64 hex digits>"],
    )
    caddy: Annotated[str, AfterValidator(_image)] = Field(
        description="Caddy 2: the base of the image that is built on the server with the Caddyfile inside.",
        examples=["docker.io/library/caddy:2@sha256:<64 hex digits>"],
    )
    django: Annotated[str, AfterValidator(_image)] = Field(
        description="TOYBOX's own image: web, worker, beat and migrations all run from it.",
        examples=["ghcr.io/toybox/toybox@sha256:<64 hex digits>"],
    )


class Declared(_Model):
    """The settings that stand in plain text in Pulumi.<stack>.yaml, each under a key of its own."""

    openstack: OpenStack = Field(description="The account in which everything is made.")
    domain: Annotated[str, AfterValidator(_domain)] = Field(
        description="The site's name. Its DNS record must point to the server. No two stacks may share one.",
        examples=["toybox.example.jp"],
    )
    tls: Tls = Field(description="Who signs the site's certificate.")
    access: Literal["public", "password"] = Field(
        description="public: anybody may read the site. password: the whole site asks for one and tells search engines to "
        "stay away, as staging must.",
        examples=["public"],
    )
    operators: Annotated[
        tuple[Annotated[str, AfterValidator(_operator)], ...], Strict(False), AfterValidator(_operators)
    ] = Field(
        description="The networks that may reach port 22, the machine that runs `pulumi up` included. 80 and 443 are open to "
        "everybody.",
        examples=[["203.0.113.7/32"]],
    )
    server: Server = Field(description="The server, which can be replaced at any time without losing data.")
    data_volume: DataVolume = Field(description="The disk that outlives the server.")
    images: Images = Field(description="The container images, by digest.")


def _key_problem(text: str) -> str | None:
    """What keeps `text` from being used as an SSH key here, or None."""
    # Loaded late: cryptography takes a tenth of a second, and docs and error texts do not need it.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        key = load_ssh_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "is not an OpenSSH private key without a passphrase"
    return None if isinstance(key, Ed25519PrivateKey) else "is not an ed25519 key"


def _private_key(purpose: str) -> Callable[[SecretStr], SecretStr]:
    def check(value: SecretStr) -> SecretStr:
        wrong = _key_problem(value.get_secret_value())
        if wrong:
            raise _wrong(
                f"{wrong} (its text is not shown).",
                purpose,
                "Remove it with `pulumi config rm` and run `toybox init {stack}`, which makes a new one.",
            )
        return value

    return check


def _password(pattern: str, rule: str, why: str, remedy: str) -> Callable[[SecretStr], SecretStr]:
    compiled = re.compile(pattern)

    def check(value: SecretStr) -> SecretStr:
        if not compiled.fullmatch(value.get_secret_value()):
            raise _wrong(f"is not {rule} (its text is not shown).", why, remedy)
        return value

    return check


_MADE_BY_INIT = "Remove it with `pulumi config rm` and run `toybox init {stack}`, which makes a strong one."


class Secrets(_Model):
    """The settings that are stored encrypted. `toybox init STACK` makes all of them but openstackPassword, which it asks for."""

    openstack_password: Annotated[
        SecretStr,
        AfterValidator(
            _password(
                r"[\x21-\x7e]{9,70}",
                "9 to 70 printable characters without spaces",
                "ConoHa has no other passwords, so the login would fail; often a line break or a quote was stored with it.",
                "Remove it with `pulumi config rm` and run `toybox init {stack}`, which asks for it.",
            )
        ),
    ] = Field(description="The password of openstack.userName, chosen in ConoHa's control panel.")
    ssh_private_key: Annotated[
        SecretStr, AfterValidator(_private_key("Pulumi logs in to the server with it; without it nothing can be set up."))
    ] = Field(description="The key with which Pulumi and operators log in to the server as root (OpenSSH, ed25519).")
    ssh_host_key: Annotated[
        SecretStr,
        AfterValidator(_private_key("The server shows it, and every connection is refused that does not see it.")),
    ] = Field(description="The server's own host key (OpenSSH, ed25519), so that every connection can be pinned to it.")
    postgres_password: Annotated[
        SecretStr,
        AfterValidator(
            _password(
                r"[A-Za-z0-9_-]{24,128}",
                "24 to 128 of A-Z a-z 0-9 _ -",
                "It guards the database, and stands in a URL, where other characters have a meaning.",
                _MADE_BY_INIT,
            )
        ),
    ] = Field(description="The password of the database's owner.")
    redis_password: Annotated[
        SecretStr,
        AfterValidator(
            _password(
                r"[A-Za-z0-9_-]{24,128}",
                "24 to 128 of A-Z a-z 0-9 _ -",
                "It guards sessions and queued jobs, and stands in a URL, where other characters have a meaning.",
                _MADE_BY_INIT,
            )
        ),
    ] = Field(description="The password of Redis: cache, sessions and the queue of jobs.")
    django_secret_key: Annotated[
        SecretStr,
        AfterValidator(
            _password(
                r"[\x21-\x7e]{50,256}",
                "50 to 256 printable characters without spaces",
                "Django signs sessions and password resets with it: a weak one lets a stranger log in as anybody.",
                _MADE_BY_INIT,
            )
        ),
    ] = Field(description="The key with which Django signs sessions, cookies and password reset links.")
    access_password: (
        Annotated[
            SecretStr,
            AfterValidator(
                _password(
                    r"[\x21-\x7e]{12,72}",
                    "12 to 72 printable characters without spaces",
                    "A shorter one is guessed; of a longer one bcrypt, which stores it, reads only the first 72 bytes.",
                    _MADE_BY_INIT,
                )
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="What a visitor must type where access is password (user name toybox). Required there, unused elsewhere.",
    )


class Settings(Declared):
    """All settings of one stack, checked."""

    stack: str
    secrets: Secrets


# The rules that look at more than one setting. They read the raw values, so that they speak up even where another setting is
# broken; what is missing or of a wrong type is the models' business, and the rule keeps silent.


def _at(values: Mapping[str, object], *path: str) -> object:
    """The value at `path`, or None."""
    found: object = values
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _boot_volume_fits_flavor(values: Mapping[str, object]) -> Iterator[Problem]:
    flavor, size = _at(values, "server", "flavor"), _at(values, "server", "bootVolume", "size")
    plan = FLAVORS.get(flavor) if isinstance(flavor, str) else None
    if plan and isinstance(size, int) and size in volumes.BOOT.prices and size not in plan.boot_sizes:
        yield Problem(
            "toybox:server.bootVolume.size",
            f"is {size} GB, which {plan.name} does not take.",
            "The 512 MB plan boots from 30 GB and nothing else, and no other plan takes 30 GB: ConoHa would refuse the server "
            "after the volume had been made.",
            f"With {plan.name} choose one of: {_sizes(volumes.BOOT, plan.boot_sizes)}.",
        )


def _data_volume_fits_origin(values: Mapping[str, object]) -> Iterator[Problem]:
    size, origin = _at(values, "dataVolume", "size"), _at(values, "dataVolume", "origin", "size")
    source = _at(values, "dataVolume", "origin", "source")
    if not isinstance(source, str) or source not in get_args(RestorePoint.model_fields["source"].annotation):
        return
    if not isinstance(size, int) or not isinstance(origin, int) or volumes.size_fits_origin(source, size, origin):
        return
    fitting = volumes.smallest_fitting(source, origin)
    if source == "volume":
        wrong, why = "not the size of", "ConoHa clones a volume only into one of exactly its size."
    else:
        wrong, why = "smaller than", "The data would not fit: a volume is never smaller than what it is made from."
    yield Problem(
        "toybox:dataVolume.size",
        f"is {size} GB, {wrong} the {origin} GB of its origin, {source} {_at(values, 'dataVolume', 'origin', 'id')}.",
        why,
        f"Set dataVolume.size to {fitting}."
        if fitting
        else f"Check dataVolume.origin.size: ConoHa sells {_sizes(volumes.DATA, volumes.DATA.sizes)}.",
    )


def _conoha_makes_no_volume_from_a_snapshot(values: Mapping[str, object]) -> Iterator[Problem]:
    if _on_conoha(values) and _at(values, "dataVolume", "origin", "source") == "snapshot":
        yield Problem(
            "toybox:dataVolume.origin.source",
            "is snapshot, and ConoHa cannot make a volume from a snapshot.",
            "ConoHa's snapshots live 24 hours and only roll back the volume they were taken of.",
            "Use source: backup with the id of a backup, or source: volume to clone a volume.",
        )


def _acme_needs_an_email(values: Mapping[str, object]) -> Iterator[Problem]:
    if _at(values, "tls", "issuer") == "acme" and _at(values, "tls", "email") is None:
        yield Problem(
            "toybox:tls.email",
            "is not set, and tls.issuer is acme.",
            "The CA writes there when a certificate is about to lapse or is revoked.",
            "Add it, for example: email: operators@toybox.example.jp",
        )


def _acme_needs_a_public_domain(values: Mapping[str, object]) -> Iterator[Problem]:
    domain = _at(values, "domain")
    reserved = _reserved(domain.lower()) if isinstance(domain, str) else None
    if reserved and _at(values, "tls", "issuer") == "acme":
        yield Problem(
            "toybox:domain",
            f"is {domain}, under the reserved name {reserved}, and tls.issuer is acme.",
            "Nobody can own that name, so no public CA signs a certificate for it, and the site would never answer over HTTPS.",
            "Write the domain that you own, or set tls.issuer to internal for a rehearsal.",
        )


_DOCUMENTATION = tuple(
    ipaddress.ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
"""RFC 5737 and RFC 3849: addresses for examples, which nobody on the Internet has."""


def _operators_have_real_addresses(values: Mapping[str, object]) -> Iterator[Problem]:
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
                "Nobody has that address, so nobody could reach port 22, Pulumi included.",
                "Write the address from which you run `pulumi up`, as the Internet sees it, followed by /32.",
            )


def _on_conoha(values: Mapping[str, object]) -> bool:
    auth_url = _at(values, "openstack", "authUrl")
    return isinstance(auth_url, str) and account.is_conoha(auth_url)


def _password_access_needs_the_password(values: Mapping[str, object]) -> Iterator[Problem]:
    if _at(values, "access") == "password" and _at(values, "accessPassword") is None:
        yield Problem(
            "toybox:accessPassword",
            "is not set, and access is password.",
            "Without it the site would be locked to everybody, or open to everybody.",
            "Run `toybox init {stack}`, which makes it and stores it encrypted.",
        )


def _keys_differ(values: Mapping[str, object]) -> Iterator[Problem]:
    if isinstance(key := _at(values, "sshHostKey"), str) and key == _at(values, "sshPrivateKey"):
        yield Problem(
            "toybox:sshHostKey",
            "is the same key as toybox:sshPrivateKey.",
            "Whoever reads the host key on the server could log in with it everywhere.",
            "Remove it with `pulumi config rm` and run `toybox init {stack}`, which makes a new one.",
        )


_RULES: tuple[Callable[[Mapping[str, object]], Iterator[Problem]], ...] = (
    _boot_volume_fits_flavor,
    _data_volume_fits_origin,
    _conoha_makes_no_volume_from_a_snapshot,
    _acme_needs_an_email,
    _acme_needs_a_public_domain,
    _operators_have_real_addresses,
    _password_access_needs_the_password,
    _keys_differ,
)


def _shared_domain(values: Mapping[str, object], siblings: Mapping[str, Mapping[str, object]]) -> Iterator[Problem]:
    domain = _at(values, "domain")
    for stack, other in siblings.items():
        theirs = _at(other, "domain")
        if isinstance(domain, str) and isinstance(theirs, str) and domain.lower() == theirs.lower():
            yield Problem(
                "toybox:domain",
                f"is {domain}, which is also the domain of stack {stack} (Pulumi.{stack}.yaml).",
                "A domain points to one server: visitors, and the CA that checks the certificate, would meet the wrong stack.",
                f"Give one of the two another name, such as {stack}.{domain}.",
            )


def _stack_name(stack: str) -> Iterator[Problem]:
    if not names.STACK.fullmatch(stack):
        yield Problem(
            f"stack {_shown(stack)}",
            "has a name that cannot be part of a server's name.",
            "Everything in the cloud is called toybox-<stack>-<what>, and ConoHa takes only letters, digits, _ and - there.",
            "Use a stack name of up to 32 lower-case letters, digits and -, such as prod or staging.",
        )


def _stored_in_plain_text(values: Mapping[str, object], encrypted: Collection[str]) -> Iterator[Problem]:
    for key in Secrets.keys():
        if key in values and key not in encrypted:
            yield Problem(
                f"toybox:{key}",
                "stands in plain text in the settings file (its text is not shown).",
                "The file is in Git: whoever can read the repository, or any copy of it, has this secret.",
                f"Treat it as known to others and make a new one: `pulumi config rm {NAMESPACE}:{key}`, then "
                "`toybox init {stack}`.",
            )


# From pydantic's errors to ours.


@dataclass(frozen=True)
class Described:
    """What the models say about one setting, for messages and for docs/settings.md."""

    description: str
    example: object
    choices: tuple[str, ...]
    required: bool
    inner: tuple[str, ...]
    """The keys of a block; empty for a single value."""


def describe(model: type[BaseModel], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Described]:
    """All settings of `model` by their path of keys, a block before what is in it. The members of a union are one block."""
    found: dict[tuple[str, ...], Described] = {}
    for name, info in model.model_fields.items():
        path = (*above, info.alias or name)
        blocks = [each for each in _members(info.annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
        inner: dict[tuple[str, ...], Described] = {}
        for block in blocks:
            for deeper, new in describe(block, path).items():
                old = inner.get(deeper)
                inner[deeper] = replace(new, choices=(*old.choices, *new.choices), required=True) if old else new
        found[path] = Described(
            description=info.description or "",
            example=info.examples[0] if info.examples else None,
            choices=get_args(info.annotation) if get_origin(info.annotation) is Literal else (),
            required=info.is_required() and len(blocks) < 2,
            inner=tuple(deeper[-1] for deeper in inner if len(deeper) == len(path) + 1),
        )
        found.update(inner)
    return found


def _members(annotation: object) -> tuple[object, ...]:
    """The members of a union, or the annotation alone."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


DECLARED: Mapping[tuple[str, ...], Described] = MappingProxyType(describe(Declared))
SECRETS: Mapping[tuple[str, ...], Described] = MappingProxyType(describe(Secrets))


def _described(path: Sequence[str | int]) -> Described | None:
    keys = tuple(key for key in path if isinstance(key, str))
    return DECLARED.get(keys) or SECRETS.get(keys)


def _path_in(values: Mapping[str, object], location: Sequence[str | int]) -> tuple[str | int, ...]:
    """pydantic's location without the tags of unions, which it writes between the keys of the file."""
    path: list[str | int] = []
    found: object = values
    for position, key in enumerate(location):
        if isinstance(found, Mapping) and key not in found and position < len(location) - 1:
            continue
        path.append(key)
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, Sequence) and isinstance(key, int):
            found = found[key]
    return tuple(path)


def path_text(path: Sequence[str | int]) -> str:
    """`toybox:operators[0]`, `toybox:server.bootVolume.size`: as `pulumi config set --path` takes it."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return f"{NAMESPACE}:{text.removeprefix('.')}"


_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "tuple_type": "a list",
    "model_type": "a block of settings, indented under it",
    "model_attributes_type": "a block of settings, indented under it",
    "dict_type": "a block of settings, indented under it",
}


def _kind(value: object) -> str:
    """A value's type in the words of a YAML file, with the value."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the truth value {_shown(value)}"
    if isinstance(value, (int, float)):
        return f"the number {_shown(value)}"
    if isinstance(value, str):
        return f"the text {_shown(value)}"
    return "a list" if isinstance(value, Sequence) else "a block of settings"


def _from_pydantic(error: ErrorDetails, values: Mapping[str, object]) -> Problem:
    path, given = _path_in(values, error["loc"]), error["input"]
    context: dict[str, Any] = error.get("ctx") or {}
    setting = _described(path)
    why = setting.description if setting else ""
    match error["type"]:
        case "setting":
            return Problem(path_text(path), context["wrong"], context["why"], context["remedy"])
        case "missing":
            return Problem(path_text(path), "is not set.", why, _how_to_set(path, setting))
        case "extra_forbidden":
            return _unknown_key(path)
        case "literal_error":
            return _wrong_choice(path, given)
        case "union_tag_invalid" | "union_tag_not_found" if isinstance(given, Mapping):
            return _wrong_choice((*path, "source"), given.get("source"))
        case "greater_than":
            return Problem(path_text(path), f"is {_shown(given)}.", why, "Write a number of GB above 0.")
        case kind:
            shown = "is of another type (its text is not shown)" if path[0] in Secrets.keys() else f"is {_kind(given)}"
            wrong = f"must be {_KINDS.get(kind, 'another type of value')}, and {shown}."
            return Problem(path_text(path), wrong, why, _how_to_set(path, setting))


def _wrong_choice(path: Sequence[str | int], given: object) -> Problem:
    setting = _described(path)
    why, choices = (setting.description, setting.choices) if setting else ("", ())
    wrong = "is not set." if given is None else f"is {_shown(given)}, which is not one of its values."
    return Problem(path_text(path), wrong, why, _one_of(str(given), choices, ", ".join(choices)))


def _how_to_set(path: Sequence[str | int], setting: Described | None) -> str:
    if path[0] in Secrets.keys():
        return "Run `toybox init {stack}`, which stores it encrypted."
    if setting is not None and setting.inner:
        return f"Write a block with {', '.join(setting.inner)}, each indented under it; docs/settings.md shows an example."
    key = path_text(path) if len(path) == 1 else path[-1]
    example = setting.example if setting else ""
    if isinstance(path[-1], int) and isinstance(example, list):
        return f"Write it as text, for example: - {example[0]}"
    return f"Write it in the settings file, for example: {key}: {example if isinstance(example, str) else _shown(example)}"


def _unknown_key(path: Sequence[str | int]) -> Problem:
    above = _described(path[:-1])
    known = above.inner if above else (*Declared.keys(), *Secrets.keys())
    near = _nearest(str(path[-1]), known)
    return Problem(
        path_text(path),
        "is not a setting of TOYBOX.",
        "Were it passed over, the stack would be built without what you meant by it.",
        f"{f'Did you mean {near}? ' if near else 'Remove it. '}Known there: {', '.join(known)}.",
    )


def parse(
    stack: str,
    values: Mapping[str, object],
    encrypted: Collection[str],
    siblings: Mapping[str, Mapping[str, object]],
) -> Settings:
    """The checked settings of `stack`. Pure.

    `values` are all keys of the namespace without its prefix, secrets included, as plain data (text, numbers, lists, mappings);
    `encrypted` names the keys that are stored encrypted; `siblings` are the other stacks' values by stack name, of which only
    the domain is looked at. Raises SettingsError with every problem there is, in the order of the settings.
    """
    declared = {key: value for key, value in values.items() if key not in Secrets.keys()}
    secret = {key: value for key, value in values.items() if key in Secrets.keys()}
    problems = [*_stack_name(stack), *_errors(Declared, declared), *_errors(Secrets, secret)]
    for rule in _RULES:
        problems.extend(rule(values))
    problems.extend(_shared_domain(values, siblings))
    problems.extend(_stored_in_plain_text(values, encrypted))
    if problems:
        order = [*Declared.keys(), *Secrets.keys()]
        raise SettingsError(stack, sorted((_named(each, stack) for each in problems), key=lambda each: _rank(each, order)))
    return Settings.model_validate({**declared, "secrets": secret, "stack": stack})


def _errors(model: type[BaseModel], values: Mapping[str, object]) -> list[Problem]:
    try:
        model.model_validate(values)
    except ValidationError as invalid:
        return [_from_pydantic(error, values) for error in invalid.errors(include_url=False)]
    return []


def _named(problem: Problem, stack: str) -> Problem:
    """With the stack's name in the commands of the way out."""
    return Problem(problem.path, problem.wrong, problem.why, problem.remedy.replace("{stack}", stack))


def _rank(problem: Problem, order: Sequence[str]) -> int:
    """Where a problem stands: the stack itself, then the settings in their order, then keys that nobody knows."""
    key = re.split(r"[.\[]", problem.path.removeprefix(f"{NAMESPACE}:"))[0]
    if not problem.path.startswith(f"{NAMESPACE}:"):
        return -1
    return order.index(key) if key in order else len(order)


def ssh_public_key(private: str) -> str:
    """The public half, as in authorized_keys and known_hosts (`ssh-ed25519 AAAA...`), of an OpenSSH private key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    public = load_ssh_private_key(private.encode(), password=None).public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


# The edge: what the running Pulumi program and the files beside it hold.


def from_pulumi(raw: Mapping[str, str]) -> dict[str, object]:
    """The namespace's values as plain data from what Pulumi hands to a program: text, with lists and mappings as JSON."""
    values: dict[str, object] = {}
    for full, text in raw.items():
        namespace, _, key = full.partition(":")
        if namespace == NAMESPACE:
            values[key] = _plain(key, text)
    return values


def _plain(key: str, text: str) -> object:
    """Pulumi passes every value as text. What is text anyway stays as it is: a password may look like JSON."""
    setting = DECLARED.get((key,))
    if setting is None or not (setting.inner or isinstance(setting.example, list)):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def sibling_settings(folder: Path, stack: str) -> dict[str, dict[str, object]]:
    """The plain settings of the other stacks in `folder`, by stack name, from their Pulumi.<stack>.yaml."""
    import yaml

    found: dict[str, dict[str, object]] = {}
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        name = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
        if name == stack:
            continue
        try:
            config = (yaml.safe_load(file.read_text()) or {}).get("config") or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
            raise SettingsError(stack, [_unreadable(file, error)]) from error
        prefix = f"{NAMESPACE}:"
        found[name] = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    return found


def _unreadable(file: Path, error: Exception) -> Problem:
    return Problem(
        file.name,
        f"cannot be read: {' '.join(str(error).split())}",
        "The settings of the stacks are compared, so that no two of them claim the same domain.",
        "Mend the file, or move it away if that stack is gone.",
    )


def load() -> Settings:
    """The settings of the stack that the running Pulumi program is for. Raises SettingsError."""
    import pulumi
    from pulumi.runtime import config

    # The engine's own language host passes both in the environment, an in-process one sets them; both are read, as
    # pulumi.Config does. pulumi.Config itself answers only for names one asks it for, and an unknown key must be seen.
    raw = {**config.get_config_env(), **config.CONFIG.get()}
    keys = {*config.get_config_secret_keys_env(), *config._SECRET_KEYS.get()}
    stack = pulumi.get_stack()
    encrypted = {key.removeprefix(f"{NAMESPACE}:") for key in keys}
    return parse(stack, from_pulumi(raw), encrypted, sibling_settings(Path(__file__).parent, stack))
