"""What single settings must look like. Each check returns the value, or refuses it with reason and way out.

The models in settings.py name these checks; what ConoHa sells and accepts comes from `conoha`.
"""

import ipaddress
import re
from collections.abc import Callable, Collection
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from conoha import account, names, volumes
from conoha.flavors import FLAVORS
from settings.problems import one_of, shown

REFUSED = "refused"
"""The type of the errors that this module raises, with `wrong`, `why` and `remedy` in their context.

In a remedy, `{path}` stands for the setting's path, which a check does not know.
"""


def _refused(wrong: str, why: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError(REFUSED, "{wrong}", {"wrong": wrong, "why": why, "remedy": remedy})


# The account.


def auth_url(value: str) -> str:
    """The address of an Identity API v3, over https unless it is on this machine."""
    parts = urlsplit(value)
    remedy = f"Use {account.AUTH_URL}."
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.rstrip("/").endswith("/v3"):
        raise _refused(
            f"is {shown(value)}, which is not the address of an OpenStack Identity API v3.",
            "Every call to the cloud begins with a login there.",
            remedy,
        )
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise _refused(
            f"is {shown(value)}: http to another machine.",
            "The account's password would cross the network in plain text.",
            remedy,
        )
    return value


def region(value: str) -> str:
    """ConoHa's one region."""
    if value != account.REGION:
        raise _refused(
            f"is {shown(value)}; ConoHa has only {account.REGION}.",
            "The names of volume types are known for that region only.",
            f"Write {account.REGION}.",
        )
    return value


def domain_name(value: str) -> str:
    """ConoHa's one Keystone domain."""
    if value != account.DOMAIN:
        raise _refused(
            f"is {shown(value)}; ConoHa has only {account.DOMAIN}.",
            "With another domain the login fails with the same answer as for a wrong password.",
            f"Write {account.DOMAIN}.",
        )
    return value


def tenant_name(value: str) -> str:
    """The API tenant's name, `gnct...`."""
    return _account_name(value, account.TENANT_PREFIX, "tenant")


def user_name(value: str) -> str:
    """The API user's name, `gncu...`."""
    return _account_name(value, account.USER_PREFIX, "user")


def _account_name(value: str, prefix: str, kind: str) -> str:
    remedy = f"Copy the API {kind} name ({prefix}...) from ConoHa's control panel, under API."
    number = value.removeprefix(prefix)
    if not value.startswith(prefix) or not re.fullmatch(r"[0-9]+", number):
        raise _refused(
            f"is {shown(value)}, which is not an API {kind} name of ConoHa.",
            "The login would fail, with the same answer as for a wrong password.",
            remedy,
        )
    if not number.strip("0"):
        raise _refused(
            f"is still the placeholder {value}.",
            "Only you know to which account the server belongs.",
            remedy,
        )
    return value


# The site and who may reach it.

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def domain(value: str) -> str:
    """A full domain name in lower case."""
    labels = value.split(".")
    whole = len(labels) > 1 and len(value) <= 253 and not labels[-1].isdigit()
    if not whole or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused(
            f"is {shown(value)}, which is not a full domain name in lower case.",
            "Caddy asks for a certificate of exactly this name, and Django answers to no other.",
            "Write the bare name, such as toybox.example.jp: no https://, no path, no port, no dot at the end; "
            "a name in another script as xn--...",
        )
    return value


def email(value: str) -> str:
    """An address that at least looks like one."""
    if not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", value):
        raise _refused(
            f"is {shown(value)}, which is not an e-mail address.",
            "The CA writes there when a certificate is about to lapse or is revoked.",
            "Write an address that somebody reads.",
        )
    return value


_WIDEST = 8
"""The shortest prefix that can still be called an operator's own network."""


def operator(value: str) -> str:
    """One network that may reach port 22, spelt as OpenStack spells it."""
    example = "Write your own address, such as 203.0.113.7/32, or your network's, such as 203.0.113.0/24."
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise _refused(
            f"is {shown(value)}, which is not a network in CIDR notation.",
            "These addresses may reach port 22; anybody else is turned away before SSH answers.",
            example,
        ) from None
    if network.version != 4:
        raise _refused(
            f"is {value}, a network of IPv6.",
            "Pulumi reaches the server by its IPv4 address, and the security group lets nothing in by IPv6.",
            example,
        )
    if network.prefixlen < _WIDEST:
        whom = "the whole world" if network.prefixlen == 0 else f"{network.num_addresses:,} addresses"
        raise _refused(
            f"is {value}, which opens port 22 to {whom}.",
            "A login there is the key to all data. Who is no operator has no business even trying.",
            f"{example} With a changing address, name your provider's network (/{_WIDEST} or smaller).",
        )
    if value != str(network):
        address = value.split("/")[0]
        single = f", or {address}/{network.max_prefixlen} for that one address" if "/" in value else ""
        raise _refused(
            f"is {shown(value)}; as a network it is written {network}.",
            "OpenStack stores the network's own spelling, and every later preview would show a difference.",
            f"Write {network}{single}.",
        )
    return value


def authorized_key(value: str) -> str:
    """Return one ed25519 key. Refuse options: they could let in less, or more, than a reader of the settings
    expects."""
    if not re.fullmatch(r"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}( [\w.@+-]+)?", value):
        raise _refused(
            f"is {shown(value)}, which is not an ed25519 public key.",
            "sshd ignores a line that it cannot read, so that whoever has the key would be locked out.",
            "Write the whole line of the .pub file that `ssh-keygen -t ed25519` made.",
        )
    return value


def keeper_address(value: str) -> str:
    """Return one IPv4 address. Raises the refusal of anything else, a network included."""
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        raise _refused(
            f"is {shown(value)}, which is not an IPv4 address.",
            "Port 22 is open to the keeper's own address and to no network around it.",
            "Write the keeper's fixed address as the Internet sees it, without a prefix length.",
        ) from None
    return str(address)


LEAST_ITERATIONS = 4096
"""PostgreSQL's own number (scram_iterations), and the least that RFC 7677 allows."""
_VERIFIER = re.compile(r"SCRAM-SHA-256\$(?P<iterations>[0-9]{4,9}):(?P<salt>[A-Za-z0-9+/]+={0,2})\$(?P<keys>[^$]+)")
_SCRAM_KEYS = re.compile(r"[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=")


def database_verifier(value: str) -> str:
    """Return a SCRAM-SHA-256 verifier in PostgreSQL's form (pg_authid.rolpassword): 32 bytes for each of its keys.

    PostgreSQL takes any other text for a password in plain text, and stores a verifier of that.
    """
    found = _VERIFIER.fullmatch(value)
    whole = found is not None and _SCRAM_KEYS.fullmatch(found["keys"]) is not None and len(found["salt"]) % 4 == 0
    if found is None or not whole or int(found["iterations"]) < LEAST_ITERATIONS:
        raise _refused(
            "is not a SCRAM-SHA-256 verifier as PostgreSQL stores it (its text is not shown).",
            "PostgreSQL would take it for a password in plain text, and the keeper could not log in.",
            "Copy the block that `toybox init keeper` prints. A password does not belong into this file.",
        )
    return value


def operators(value: tuple[str, ...]) -> tuple[str, ...]:
    """At least one network, none twice."""
    if not value:
        raise _refused(
            "is empty.",
            "Nobody could reach the server over SSH, Pulumi included, so nothing could be set up on it.",
            "Name at least the address from which `pulumi up` runs, such as 203.0.113.7/32.",
        )
    twice = sorted({each for each in value if value.count(each) > 1})
    if twice:
        raise _refused(
            f"names {', '.join(twice)} more than once.",
            "Each entry becomes a security group rule, and OpenStack refuses the second of two equal ones.",
            "Keep one of them.",
        )
    return value


# Server and volumes.


def flavor(value: str) -> str:
    """A plan that ConoHa's public API sells."""
    if value not in FLAVORS:
        plans = FLAVORS.values()
        raise _refused(
            f"is {shown(value)}, which ConoHa's public API does not sell.",
            "The server would be refused after its volumes had been made and billed.",
            one_of(value, FLAVORS, ", ".join(f"{plan.name} ({plan})" for plan in plans)),
        )
    return value


_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def server_image(value: str) -> str:
    """The name of one of ConoHa's images with Docker in it, or an image's id. Versions rotate, so only the form can be
    checked; the id is what keeps a server whose image is no longer offered."""
    if not re.fullmatch(rf"{_UUID}|vmi-docker-[0-9][0-9a-z.]*-(ubuntu|debian)-[0-9][0-9.]*-amd64", value):
        raise _refused(
            f"is {shown(value)}, which is not the name of one of ConoHa's Docker images.",
            "The program expects Docker on the server and installs none: a second Docker beside the first was "
            "part of the data loss of 2026-01-22.",
            "Use a name like vmi-docker-26.1-ubuntu-22.04-amd64; `openstack image list` shows those of the day. For a "
            "server that runs already, the id from `pulumi stack output bootImageId` is right, too.",
        )
    return value


def _volume_type(value: str, known: volumes.VolumeType, purpose: str) -> str:
    if value != known.name:
        raise _refused(
            f"is {shown(value)}; ConoHa's type for {purpose} volumes is {known.name}.",
            'Another type is refused ("volume type does not exist") or belongs to another kind of plan.',
            f"Write {known.name}.",
        )
    return value


def boot_volume_type(value: str) -> str:
    """ConoHa's one type of boot volumes."""
    return _volume_type(value, volumes.BOOT, "boot")


def data_volume_type(value: str) -> str:
    """ConoHa's one type of additional volumes."""
    return _volume_type(value, volumes.DATA, "data")


def _volume_size(value: int, known: volumes.VolumeType) -> int:
    if value not in known.prices:
        raise _refused(
            f"is {value} GB, a size that ConoHa does not sell for {known.name}.",
            "The volume would be refused, and a volume cannot be resized later.",
            f"Choose one of: {priced(known, known.sizes)}.",
        )
    return value


def boot_volume_size(value: int) -> int:
    """A size in GB of which ConoHa sells boot volumes. Whether it fits the plan is a rule of its own."""
    return _volume_size(value, volumes.BOOT)


def data_volume_size(value: int) -> int:
    """A size in GB of which ConoHa sells additional volumes."""
    return _volume_size(value, volumes.DATA)


def priced(known: volumes.VolumeType, sizes: Collection[int]) -> str:
    """Sizes with their prices, as in `200 (¥3,025 a month)`."""
    prices = {size: known.prices[size] for size in sizes}
    return ", ".join(
        f"{size} (¥{price:,} a month)" if price else f"{size} (in the plan's price)" for size, price in prices.items()
    )


def origin_id(value: str) -> str:
    """An id as OpenStack gives them: a UUID in lower case, with hyphens."""
    if not re.fullmatch(_UUID, value):
        raise _refused(
            f"is {shown(value)}, which is not an id of OpenStack.",
            "The new volume is made from exactly this backup, snapshot or volume.",
            "Copy the id from `openstack volume backup list`, `openstack volume snapshot list` or "
            "`openstack volume list`; it looks like 3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64.",
        )
    return value


LATEST = "latest"
"""The last second that a keeper keeps."""


def origin_time(value: str) -> str:
    """A time with its offset, as ISO 8601 has it, or `latest`."""
    if value == LATEST:
        return value
    try:
        offset = datetime.fromisoformat(value).tzinfo
    except ValueError:
        offset = None
    if offset is None:
        raise _refused(
            f"is {shown(value)}, which is no time with an offset.",
            "Without an offset it is nine hours off in one of the two countries.",
            'Write it like "2026-01-22T20:49:00+09:00" or "2026-01-22T11:49:00Z", in quotes; or latest.',
        )
    return value


def origin_size(value: int) -> int:
    """A size in GB that something can have."""
    if value <= 0:
        raise _refused(
            f"is {value} GB.",
            "The new volume is compared with it, so that one that cannot fit is refused in the preview.",
            "Copy the size from where the id comes from.",
        )
    return value


# Restore points.

MOST_KEPT = 366
"""Snapshots of one volume: a year of them, and no more by a slip of the finger."""


def schedule(value: object) -> object:
    """No truth value: YAML makes one of `off`. Which texts there are, the model says."""
    if isinstance(value, bool):
        word = "on" if value else "off"
        raise _refused(
            f"is the truth value {shown(value)}: YAML reads {word}, {'yes' if value else 'no'} and {shown(value)} "
            "without quotes as that.",
            "Whether restore points are taken is never guessed.",
            'Write it in quotes, schedule: "off"; or schedule: daily.',
        )
    return value


def keep(value: int) -> int:
    """A number of restore points. What ConoHa keeps at most is a rule of its own."""
    if not 1 <= value <= MOST_KEPT:
        raise _refused(
            f"is {value}.",
            "The newest good restore point is never removed, and each one kept is paid for."
            if value < 1
            else "Each one kept is paid for, and a volume with that many snapshots is slow on most clouds.",
            f'Write a number from 1 to {MOST_KEPT}; for none at all write schedule: "off".',
        )
    return value


# Container images.

_HOST_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?/)?"
    rf"{_PATH_PART}(?:/{_PATH_PART})*"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
"""The grammar of https://github.com/distribution/reference (read 2026-11-24), with SHA-256 as the only digest."""


def image(value: str) -> str:
    """An image reference with its digest."""
    match = _REFERENCE.fullmatch(value)
    if match is None:
        raise _refused(
            f"is {shown(value)}, which is not an image reference.",
            "Docker on the server would refuse to pull it.",
            "Write registry/name:tag@sha256:<64 hex digits>, all but the tag in lower case.",
        )
    if match["digest"] is None:
        raise _refused(
            f"is {shown(value)}, without a digest.",
            "A tag can point to another image tomorrow: two runs of the same settings would run different "
            "software, and a new glibc can silently break the indexes of a database.",
            f"Append the digest: {value}@sha256:...; `docker buildx imagetools inspect {value}` prints it.",
        )
    return value


def postgres_image(value: str) -> str:
    """An image with its digest, whose tag does not claim another major version than the data has."""
    match = _REFERENCE.fullmatch(image(value))
    tag = (match["tag"] if match else None) or ""
    major = re.match(r"[0-9]+", tag)
    if major and major[0] != "15":
        raise _refused(
            f"is PostgreSQL {major[0]}, by its tag {tag}.",
            "The data belongs to version 15: another major version calls the files incompatible and stops.",
            "Use a tag that begins with 15. A major upgrade is a migration of the data, not a change of the image.",
        )
    return value


# Secrets. Their text is never part of a message.

_MADE_BY_INIT = "`pulumi config rm {path}`, then `toybox init {stack}`, which makes a new one."
_ASKED_BY_INIT = "`pulumi config rm {path}`, then `toybox init {stack}`, which asks for it."


def _secret(pattern: str, rule: str, why: str, remedy: str) -> Callable[[SecretStr], SecretStr]:
    compiled = re.compile(pattern)

    def check(value: SecretStr) -> SecretStr:
        if not compiled.fullmatch(value.get_secret_value()):
            raise _refused(f"is not {rule} (its text is not shown).", why, remedy)
        return value

    return check


openstack_password = _secret(
    r"[\x21-\x7e]{9,70}",
    "9 to 70 printable characters without spaces",
    "ConoHa has no other passwords, so the login would fail; often a line break or a quote was stored with it.",
    _ASKED_BY_INIT,
)
postgres_password = _secret(
    r"[A-Za-z0-9_-]{24,128}",
    "24 to 128 of A-Z a-z 0-9 _ -",
    "It guards the database, and stands in URLs, where other characters have a meaning.",
    _MADE_BY_INIT,
)
redis_password = _secret(
    r"[A-Za-z0-9_-]{24,128}",
    "24 to 128 of A-Z a-z 0-9 _ -",
    "It guards sessions and queued jobs, and stands in URLs, where other characters have a meaning.",
    _MADE_BY_INIT,
)
django_secret_key = _secret(
    r"[\x21-\x7e]{50,256}",
    "50 to 256 printable characters without spaces",
    "Django signs sessions and password resets with it: a weak one lets a stranger log in as anybody.",
    _MADE_BY_INIT,
)
access_password = _secret(
    r"[\x21-\x7e]{12,72}",
    "12 to 72 printable characters without spaces",
    "A shorter one is guessed; of a longer one bcrypt, which stores it, reads only the first 72 bytes.",
    _MADE_BY_INIT,
)


def _private_key(value: SecretStr, why: str) -> SecretStr:
    # Loaded late: the import takes a tenth of a second, which docs and `toybox --help` need not wait for.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    text = value.get_secret_value()
    try:
        key = load_ssh_private_key(text.encode(), password=None)
        if text.split("\n", 1)[0] != "-----BEGIN OPENSSH PRIVATE KEY-----":
            raise ValueError("lines were joined: ssh is stricter than cryptography")
    except (ValueError, TypeError, UnsupportedAlgorithm):
        wrong = "is not an OpenSSH private key without a passphrase (its text is not shown)."
        raise _refused(wrong, why, _MADE_BY_INIT) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _refused("is not an ed25519 key (its text is not shown).", why, _MADE_BY_INIT)
    return value


def ssh_private_key(value: SecretStr) -> SecretStr:
    """The key to log in with."""
    return _private_key(value, "Pulumi logs in to the server with it; without it nothing can be set up.")


def ssh_host_key(value: SecretStr) -> SecretStr:
    """The key by which the server is known."""
    return _private_key(value, "The server shows it, and every connection that does not see it is refused.")


# The keeper.

_ED25519 = r"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}"


def machine_address(value: str) -> str:
    """One IPv4 address."""
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        raise _refused(
            f"is {shown(value)}, which is not an IPv4 address.",
            "Pulumi reaches the keeper there, and the kept stack lets this address in, and no other.",
            "Write the machine's fixed address, such as 203.0.113.9: no name, no port, no /32.",
        ) from None
    return value


def machine_host_key(value: str) -> str:
    """The public half of the machine's ed25519 host key, without a comment."""
    if not re.fullmatch(_ED25519, value):
        raise _refused(
            f"is {shown(value)}, which is not an ed25519 host key.",
            "Every connection expects exactly this key, and refuses the machine that shows another one.",
            "On the machine's console: cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub",
        )
    return value


def kept_stack(value: str) -> str:
    """A stack's name. Whether it can be kept is a rule of its own."""
    if not names.STACK.fullmatch(value):
        raise _refused(
            f"is {shown(value)}, which is no name of a stack.",
            "The keeper reads the stack's address and host key from its outputs.",
            "Write the stack's name, such as prod.",
        )
    return value


def storage_endpoint(value: str) -> str:
    """The address of an S3 service, over https and without a path."""
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or value != f"https://{parts.netloc}" or "@" in parts.netloc:
        raise _refused(
            f"is {shown(value)}, which is not the address of an S3 service.",
            "The copy goes there. Over http its keys' signatures could be seen on the way.",
            "Write https:// and the host alone, such as https://s3.c3j1.conoha.io: no bucket, no path, no slash.",
        )
    return value


def storage_bucket(value: str) -> str:
    """A bucket's name that every S3 service takes."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", value):
        raise _refused(
            f"is {shown(value)}, which is no name of a bucket.",
            "All customers share one set of bucket names, and each service has its own rules for them.",
            "Write 3 to 63 small letters, digits and dashes, for example with your domain in it.",
        )
    return value


def storage_region(value: str) -> str:
    """The region that requests are signed for."""
    if not re.fullmatch(r"[a-z0-9-]{1,40}", value):
        raise _refused(
            f"is {shown(value)}, which is no name of a region.",
            "Each request to the storage is signed for its region.",
            "Write the word that the service names, such as conoha.",
        )
    return value


def pull_key(value: SecretStr) -> SecretStr:
    """The key with which the keeper pulls."""
    return _private_key(value, "The keeper logs in to the kept server with it; without it nothing is pulled.")


database_password = _secret(
    r"[A-Za-z0-9]{24,128}",
    "24 to 128 of A-Z a-z 0-9",
    "The kept database lets the keeper in with it, and it stands in a password file, where : and \\ have a meaning.",
    _MADE_BY_INIT,
)
storage_key = _secret(
    r"[A-Za-z0-9/+=_-]{8,128}",
    "8 to 128 of A-Z a-z 0-9 / + = _ -",
    "No S3 service makes such keys; often a line break or a quote was stored with it.",
    "`pulumi config rm {path} --stack {stack}`, then `toybox init {stack}`, which asks for it.",
)
copy_password = _secret(
    r"[A-Za-z0-9]{24,128}",
    "24 to 128 of A-Z a-z 0-9",
    "It encrypts the copy in object storage: without it no copy comes back.",
    "Put the former value back: `pulumi config set --secret {path} --stack {stack}` asks for it. "
    "A new one opens no repository that is there.",
)
repository_password = _secret(
    r"[A-Za-z0-9]{24,128}",
    "24 to 128 of A-Z a-z 0-9",
    "It encrypts the repository of files: without it no file comes back.",
    "Put the former value back: `pulumi config set --secret {path} --stack {stack}` asks for it. "
    "A new one opens no repository that is there.",
)
