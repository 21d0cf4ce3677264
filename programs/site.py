"""A site of TOYBOX, whole: read from top to bottom in the order in which things are trusted to outlive each other."""

import pulumi
import pulumi_command as command

import settings as stack_settings
from components.backup_restore import restored
from components.caddy import Caddy
from components.cloud import openstack_provider
from components.containers.last_look import end_with_healthy
from components.containers.named_volumes import NamedVolumes
from components.containers.networks import Networks
from components.containers.platform import Platform
from components.containers.prune import Tidy
from components.data.data_volume import DataVolume
from components.data.snapshot_policy import SnapshotPolicy
from components.data_census import counted
from components.django import Django
from components.former_passwords import FormerPasswords
from components.host import DockerHost
from components.host.host_secrets import HostSecrets
from components.keeper_access import admit_keeper
from components.postgres import Postgres
from components.redis import Redis
from components.secret_files import secret_files
from components.server import Server
from components.server.ssh import identity, write_ssh_files
from components.staging_scrub import scrubbed
from conoha.flavors import FLAVORS

try:
    settings = stack_settings.load()
except stack_settings.SettingsError as error:
    raise pulumi.RunError(str(error)) from None

flavor = FLAVORS[settings.server.flavor]
keys = identity(settings)
passwords = settings.secrets
cloud, commands = openstack_provider(settings), command.Provider("command")

# data
data = DataVolume("data", settings=settings, protect=settings.is_production, provider=cloud)

# server
server = Server(
    "server",
    stack=settings.stack,
    settings=settings.server,
    operators=list(settings.operators),
    identity=keys,
    data_volume_id=data.id,
    provider=cloud,
)

# restore points of the data; after the server, because it is servers that ConoHa backs up
snapshots = SnapshotPolicy("snapshots", settings=settings, server=server, provider=commands)

# host
host = DockerHost(
    "host",
    identity=keys,
    instance=server.instance,
    address=server.address,
    disk=data.disk,
    operators=list(settings.operators),
    ssh_config=write_ssh_files(settings),
    cloud=cloud,
    provider=commands,
)
secrets = HostSecrets("secrets", host=host, values=secret_files(settings))

# services, once what a keeper kept is on the data volume
volumes = NamedVolumes("volumes", host=host, after=restored("backup-restore", settings, data.disk, host))
platform = Platform(host, Networks("networks", host=host), volumes, secrets)
images = settings.images
postgres = Postgres(
    "postgres", image=images.postgres, memory=flavor.memory, password=passwords.postgres_password, platform=platform
)
admit_keeper("keeper-access", settings.keeper, database=postgres.ready, platform=platform)
redis = Redis("redis", image=images.redis, memory=flavor.memory, password=passwords.redis_password, platform=platform)
database = counted("data-census", settings, data.id, platform, after=[postgres.ready, redis.ready])
django = Django(
    "django",
    image=images.django,
    domain=settings.domain,
    database_login=postgres.login,
    sends_mail=settings.is_production,
    flavor=flavor,
    depends_on=scrubbed("scrub", settings, data.disk, platform, after=database),
    platform=platform,
)
caddy = Caddy("caddy", settings=settings, memory=flavor.memory, depends_on=[django.ready], platform=platform)
services = [*postgres.services, *redis.services, *django.services, *caddy.services]
used = [images.postgres, images.redis, images.django, caddy.reference]
tidy = Tidy("tidy", images=used, platform=platform, after=services)
former = FormerPasswords("former-passwords", postgres=postgres, redis=redis, platform=platform, after=tidy)
end_with_healthy(services, host=host, after=former.ready)

pulumi.export("address", server.address)
pulumi.export("sshHostKey", keys.host_public_key)
pulumi.export("url", f"https://{settings.domain}/")
pulumi.export("serverId", server.instance.id)
pulumi.export("dataVolumeId", data.id)
pulumi.export("bootImageId", server.boot_image_id)
pulumi.export("restorePoints", snapshots.effect)
pulumi.export("web", django.boot_facts)
digests = {"postgres": postgres.image.digest, "redis": redis.image.digest, "django": django.image.digest}
pulumi.export("imageDigests", {**digests, "caddy": caddy.image.image_id})
