"""The settings of a site's stack (`toybox:` in Pulumi.<stack>.yaml) as typed, validated, frozen models.

The models below are the one place where a setting is explained: error messages and docs/settings.md are made from their
descriptions. They say what is wanted, not how it is built.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, Strict

from conoha import account, backup_limits, volumes
from conoha.flavors import FLAVORS
from settings import values
from settings.catalogue import Model, allowed, describe
from settings.ssh_keys import AUTHORIZED_KEY


class OpenStack(Model):
    """The account in which everything is made."""

    auth_url: Annotated[str, AfterValidator(values.openstack.auth_url)] = Field(
        description="Where to log in: ConoHa's Identity API, or that of another OpenStack with ConoHa's names "
        f"(the region {account.REGION}, the domain {account.DOMAIN}, the flavors, images and volume types).",
        examples=[account.AUTH_URL],
        json_schema_extra=allowed("an address that ends with /v3; https, or http on this machine"),
    )
    tenant_name: Annotated[str, AfterValidator(values.openstack.no_placeholder)] = Field(
        pattern=account.TENANT,
        description="The API tenant that owns and pays for everything. With a wrong name the login fails as with a "
        "wrong password.",
        examples=["gnct12345678"],
        json_schema_extra=allowed("gnct and a number", "ConoHa's control panel, under API"),
    )
    user_name: Annotated[str, AfterValidator(values.openstack.no_placeholder)] = Field(
        pattern=account.USER,
        description="The API user that Pulumi logs in as. Its password is the secret openstackPassword.",
        examples=["gncu12345678"],
        json_schema_extra=allowed("gncu and a number", "ConoHa's control panel, under API"),
    )


class Tls(Model):
    """Who signs the site's certificate."""

    issuer: Literal["acme", "internal"] = Field(
        description="acme: a public CA, which must reach the domain on port 80 or 443. internal: Caddy's own CA, "
        "which no browser trusts; for rehearsals.",
        examples=["acme"],
    )
    email: str | None = Field(
        default=None,
        pattern=r"^[^\s@]+@[^\s@]+\.[^\s@]+$",
        description="Where the CA writes when a certificate is about to lapse. Required with issuer acme.",
        examples=["operators@toybox.example.jp"],
        json_schema_extra=allowed("an e-mail address"),
    )


class BootVolume(Model):
    """The server's own disk. It is lost when the server is replaced, and nothing of value lives on it."""

    size: Annotated[int, AfterValidator(values.server.size_of(volumes.BOOT))] = Field(
        description="In GB. The 512 MB plan takes 30 and nothing else; every other plan 100 or more.",
        examples=[100],
        json_schema_extra=allowed(values.server.priced(volumes.BOOT, volumes.BOOT.sizes)),
    )


class Server(Model):
    """The disposable part: replacing it keeps the data volume."""

    flavor: Annotated[str, AfterValidator(values.server.flavor)] = Field(
        description="ConoHa's plan: vCPUs and memory. PostgreSQL and the workers are tuned to its memory.",
        examples=["g2l-t-c4m4"],
        json_schema_extra=allowed("; ".join(f"{plan.name} ({plan})" for plan in FLAVORS.values())),
    )
    image: str = Field(
        pattern=rf"^(?:{values.server.UUID}|vmi-docker-[0-9][0-9a-z.]*-(ubuntu|debian)-[0-9][0-9.]*-amd64)$",
        description="The image the server starts from: one of ConoHa's with Docker, looked up by name; or an image's "
        "id. The program installs no Docker: a second one beside the first was part of the data loss of 2026-01-22.",
        examples=["vmi-docker-26.1-ubuntu-22.04-amd64"],
        json_schema_extra=allowed(
            "`vmi-docker-<version>-<system>-<version>-amd64`, or a UUID",
            "`openstack image list`, or from the output `bootImageId` of a server that runs",
        ),
    )
    boot_volume: BootVolume = Field(description="The server's own disk, lost when the server is replaced.")


class Blank(Model):
    """Nothing: an empty volume."""

    source: Literal["blank"] = Field(
        description="What the volume is made from: nothing (blank), a ConoHa backup, a Cinder snapshot (not on "
        "ConoHa), or a clone of another volume; an empty volume on which the program puts what the keeper has (keeper) "
        "or what its copy in object storage has (copy); or a volume that is there already (adopted). "
        "Looked at once, when the volume is made or adopted: a change alone replaces nothing.",
        examples=["blank"],
    )


class RestorePoint(Model):
    """What a volume is made from, if not from nothing."""

    source: Literal["backup", "snapshot", "volume"] = Field(
        description=Blank.model_fields["source"].description,
        examples=["backup"],
    )
    id: str = Field(
        pattern=f"^{values.server.UUID}$",
        description="The id of the backup, snapshot or volume. Required with backup, snapshot, volume and adopted.",
        examples=["3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"],
        json_schema_extra=allowed(
            "a UUID", "openstack volume backup list, openstack volume snapshot list or openstack volume list"
        ),
    )
    size: int = Field(
        gt=0,
        description="In GB, of the volume that was saved or is cloned, so that one that cannot fit is refused in "
        "the preview. Required with backup, snapshot and volume.",
        examples=[200],
        json_schema_extra=allowed("a size in GB, from 1", "the list that shows the id"),
    )


class Adopted(Model):
    """A volume that is there already, made by hand or by a stack whose state was lost. It is left exactly as it is."""

    source: Literal["adopted"] = Field(
        description=Blank.model_fields["source"].description,
        examples=["adopted"],
    )
    id: str = Field(
        pattern=f"^{values.server.UUID}$",
        description=RestorePoint.model_fields["id"].description,
        examples=["3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"],
        json_schema_extra=allowed("a UUID"),
    )


class Kept(Model):
    """An empty volume, on which the program puts what the keeper has, before any container starts."""

    source: Literal["keeper", "copy"] = Field(
        description=Blank.model_fields["source"].description,
        examples=["keeper"],
    )
    to: Annotated[str, AfterValidator(values.server.origin_time)] = Field(
        description="The second that the database goes back to, in quotes; or latest, for the last one that is kept. "
        "It needs its offset: Japan is nine hours ahead of UTC. Required with keeper and copy.",
        examples=['"2026-01-22T20:49:00+09:00"'],
        json_schema_extra=allowed("a time with its offset, or latest"),
    )


class DataVolume(Model):
    """The disk that outlives the server: PostgreSQL, Redis, uploads, certificates."""

    size: Annotated[int, AfterValidator(values.server.size_of(volumes.DATA))] = Field(
        description="In GB. A volume cannot be resized later: a larger one means a new volume and a copy.",
        examples=[200],
        json_schema_extra=allowed(values.server.priced(volumes.DATA, volumes.DATA.sizes)),
    )
    origin: Annotated[Blank | RestorePoint | Kept | Adopted, Field(discriminator="source")] = Field(
        description="What the volume is made from, the first time."
    )


class SnapshotPolicy(Model):
    """When restore points of the data volume are taken, and how many are kept."""

    driver: Literal["conoha", "openstack"] = Field(
        description="Who takes them. conoha: ConoHa's automatic backup of the server, every night. openstack: "
        "`toybox restore-points run`, from a schedule outside the server, by snapshots; not on ConoHa, whose "
        "snapshots live 24 hours.",
        examples=["conoha"],
    )
    schedule: Annotated[Literal["daily", "off"], BeforeValidator(values.restore_points.schedule)] = Field(
        description='daily: one restore point a day. off: none are taken. Write "off" in quotes: without them it is a '
        "truth value to YAML.",
        examples=["daily"],
    )
    keep: int | None = Field(
        default=None,
        ge=1,
        le=values.restore_points.MOST_KEPT,
        description="How many restore points are kept. Required with schedule daily. ConoHa keeps at least 14: less "
        'becomes 14 there. The newest good one is never removed; for none at all write schedule: "off".',
        examples=[7],
        json_schema_extra=allowed(
            f"1 to {backup_limits.MOST_KEPT} with driver conoha, "
            f"1 to {values.restore_points.MOST_KEPT} with driver openstack"
        ),
    )

    def as_metadata(self) -> dict[str, str]:
        """The policy as it stands on the volume, for a command that takes restore points without this file."""
        kept = {} if self.keep is None else {_KEEP: str(self.keep)}
        return {_SCHEDULE: self.schedule, **kept}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "SnapshotPolicy | None":
        """The policy that stands on a volume, if one does. Raises ValueError if it cannot be read."""
        if _SCHEDULE not in metadata:
            return None
        keep = {"keep": int(metadata[_KEEP])} if _KEEP in metadata else {}
        policy = cls.model_validate({"driver": "openstack", "schedule": metadata[_SCHEDULE], **keep})
        if policy.schedule == "daily" and policy.keep is None:
            raise ValueError(f"{_KEEP} is missing")
        return policy


_SCHEDULE, _KEEP = "toybox-schedule", "toybox-keep"
"""The metadata of a volume with a policy."""


class Keeper(Model):
    """The machine at another provider that pulls the backups, and nothing of it but what lets it in."""

    address: Annotated[str, AfterValidator(values.keeper.ipv4)] = Field(
        description="The keeper's fixed IPv4 address. Port 22 is open to it, for the login keeper alone.",
        examples=["192.0.2.9"],
        json_schema_extra=allowed("one IPv4 address, without a prefix length"),
    )
    ssh_key: str = Field(
        pattern=AUTHORIZED_KEY,
        description="The public key with which the keeper logs in as keeper.",
        examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL1wq0mV8sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7bx"],
        json_schema_extra=allowed(
            "an ed25519 key as authorized_keys has it, without options; none that opens root",
            "the block that `toybox init --stack keeper` prints",
        ),
    )
    database_verifier: Annotated[str, AfterValidator(values.keeper.database_verifier)] = Field(
        description="What PostgreSQL stores of the keeper's password, in its own form (RFC 5803). It opens no login.",
        examples=[
            "SCRAM-SHA-256$4096:VE9ZQk9YIGtlZXBlcg==$"
            "Qn0Y7yQ9sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7bw=:yQ9sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7bxQn0Y4="
        ],
        json_schema_extra=allowed(
            "`SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, from 4096 iterations",
            "the block that `toybox init --stack keeper` prints",
        ),
    )


class Images(Model):
    """The container images, each with its digest: what was tested is what runs."""

    postgres: Annotated[str, AfterValidator(values.images.postgres_image)] = Field(
        description="PostgreSQL 15, with its Debian release named in the tag.",
        examples=[
            "docker.io/library/postgres:15-bookworm"
            "@sha256:539ceaaae49b3a7c8a04467cf00cc6788d8e3f1675df41860d86eebc4c40524f"
        ],
        json_schema_extra=allowed("a reference with its digest; a tag, if there is one, begins with 15"),
    )
    redis: Annotated[str, AfterValidator(values.images.image)] = Field(
        description="Redis 7.",
        examples=[
            "docker.io/library/redis:7-bookworm@sha256:595cc6f2bb3af6e03347b90deb6123c6aa2c81dea05ce08128de8a174b6ac67b"
        ],
        json_schema_extra=allowed("a reference with its digest"),
    )
    caddy: Annotated[str, AfterValidator(values.images.image)] = Field(
        description="Caddy 2: the base of the image that is built on the server with the Caddyfile inside.",
        examples=["docker.io/library/caddy:2@sha256:f2a1290d0463aad60660d4ec134943f183ee2a5f6c3eb7bf32dd984f2f020772"],
        json_schema_extra=allowed("a reference with its digest"),
    )
    django: Annotated[str, AfterValidator(values.images.image)] = Field(
        description="TOYBOX's own image: web, worker, beat and migrations all run from it.",
        examples=["ghcr.io/toybox/toybox@sha256:" + "0123456789abcdef" * 4],
        json_schema_extra=allowed("a reference with its digest"),
    )


class Declared(Model):
    """The settings that stand in plain text in Pulumi.<stack>.yaml, each under a key of its own."""

    environment: Literal["production", "staging"] = Field(
        description="What the stack is for, whatever its name is. production: the data volume is protected, mail is "
        "sent, images are pinned, and nothing is ever scrubbed. staging: its data can be made again from production's "
        "restore points, is scrubbed of personal data, and no mail leaves.",
        examples=["production"],
    )
    openstack: OpenStack = Field(description="The account in which everything is made.")
    domain: str = Field(
        max_length=253,
        pattern=values.site.DOMAIN,
        description="The site's name: its certificate has no other, and Django answers to no other. Its DNS record "
        "must point to the server. No two stacks may share one.",
        examples=["toybox.example.jp"],
        json_schema_extra=allowed(
            "a full domain name in lower case (xn--... in another script), without https://, path, port or a dot at "
            "the end; with tls.issuer acme one that you own"
        ),
    )
    tls: Tls = Field(description="Who signs the site's certificate.")
    access: Literal["public", "password"] = Field(
        description="public: anybody may read the site. password: the whole site asks for one and tells search "
        "engines to stay away, as staging must.",
        examples=["public"],
    )
    operators: Annotated[
        tuple[Annotated[str, AfterValidator(values.site.operator)], ...],
        Strict(False),  # A file has lists, and a frozen model tuples.
        AfterValidator(values.site.operators),
    ] = Field(
        description="The networks that may reach port 22, the machine that runs `pulumi up` included. 80 and 443 "
        "are open to everybody. Nothing is open by IPv6.",
        examples=[["203.0.113.7/32"]],
        json_schema_extra=allowed("networks in CIDR notation, IPv4 from /8; at least one"),
    )
    authorized_keys: Annotated[
        tuple[Annotated[str, Field(pattern=AUTHORIZED_KEY)], ...],
        Strict(False),  # as above
    ] = Field(
        default=(),
        description="Public keys that may log in as root, beside that of sshPrivateKey. No other key may.",
        examples=[["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJkQ0Y7yQ9sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7a"]],
        json_schema_extra=allowed("ed25519 keys, each a whole line of a .pub file, without options"),
    )
    server: Server = Field(description="The server, which can be replaced at any time without losing data.")
    data_volume: DataVolume = Field(description="The disk that outlives the server.")
    snapshot_policy: SnapshotPolicy = Field(
        description="When restore points of the data volume are taken, and how many are kept."
    )
    images: Images = Field(description="The container images, by digest.")
    keeper: Keeper | None = Field(
        default=None,
        description="The keeper that pulls backups of this stack. Without it no login, no port and no role is made for "
        "one. Only production has it.",
    )

    @property
    def is_production(self) -> bool:
        """Return whether real users' data is at stake. The declared role decides, and not the stack's name."""
        return self.environment == "production"


class Secrets(Model):
    """The settings that are stored encrypted. `toybox init` makes them; openstackPassword it asks for."""

    openstack_password: Annotated[SecretStr, AfterValidator(values.secrets.openstack_password)] = Field(
        description="The password of openstack.userName, chosen in ConoHa's control panel.",
        json_schema_extra=allowed("9 to 70 printable characters"),
    )
    ssh_private_key: Annotated[SecretStr, AfterValidator(values.secrets.ssh_private_key)] = Field(
        description="The key with which Pulumi and operators log in to the server as root (OpenSSH, ed25519).",
        json_schema_extra=allowed("an ed25519 key in OpenSSH's format, without a passphrase"),
    )
    ssh_host_key: Annotated[SecretStr, AfterValidator(values.secrets.ssh_host_key)] = Field(
        description="The server's own host key (OpenSSH, ed25519), so that every connection can be pinned to it.",
        json_schema_extra=allowed("an ed25519 key in OpenSSH's format, other than sshPrivateKey"),
    )
    postgres_password: Annotated[SecretStr, AfterValidator(values.secrets.postgres_password)] = Field(
        description="The password of the database's owner.",
        json_schema_extra=allowed("24 to 128 of A-Z a-z 0-9 _ -"),
    )
    redis_password: Annotated[SecretStr, AfterValidator(values.secrets.redis_password)] = Field(
        description="The password of Redis: cache, sessions and the queue of jobs.",
        json_schema_extra=allowed("24 to 128 of A-Z a-z 0-9 _ -"),
    )
    django_secret_key: Annotated[SecretStr, AfterValidator(values.secrets.django_secret_key)] = Field(
        description="The key with which Django signs sessions, cookies and password reset links.",
        json_schema_extra=allowed("50 to 256 printable characters"),
    )
    access_password: Annotated[SecretStr, AfterValidator(values.secrets.access_password)] | None = Field(
        default=None,
        description="What a visitor types, after the user name toybox, where access is password. Required there, "
        "unused elsewhere.",
        json_schema_extra=allowed("12 to 72 printable characters"),
    )


class Settings(Declared):
    """All settings of one stack, checked."""

    stack: str
    secrets: Secrets


DECLARED = describe(Declared)
SECRETS = describe(Secrets)
"""Both: settings by path, for messages and for docs/settings.md."""
