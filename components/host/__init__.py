"""The server as a Docker host: reachable, converged by the host bundle, and proved fit before any container starts.

What it does not do: it installs no Docker (the image brings it) and opens no port.
"""

import hashlib
from collections.abc import Sequence

import pulumi
import pulumi_command as command
import pulumi_docker as docker
import pulumi_openstack as openstack

from components.cloud import Cloud
from components.data_disk import DataDisk
from components.host import commands
from components.host.awake import awake_hook
from components.host.bundle import host_bundle, pack
from components.host.condition import Condition
from components.host.every_update import in_every_update
from components.host.keeper_login import login_files
from components.host.make_room import make_room_hook
from components.host.ssh_retries import KNOWN_SERVER, NEW_SERVER, RetryPolicy, unreachable_hook
from components.server.ssh import Identity
from host.ssh_files import USER
from inventory import tokens


def bundle_version(packed_bundle: str | None) -> str:
    """Return a name for the bundle's content: 12 hex digits of its SHA-256."""
    return hashlib.sha256((packed_bundle or "").encode()).hexdigest()[:12]


class DockerHost(pulumi.ComponentResource):
    """Hands out `docker`, the provider that everything in a container must use, so that nothing can run before the
    host is ready: SSH, cloud-init, the data disk, exactly one Docker daemon with the expected data root.

    Raises nothing itself; each step fails the update with the reason on its standard error.
    """

    docker: docker.Provider
    provider: command.Provider
    address: pulumi.Output[str]
    ssh_config: str
    ready: command.remote.Command
    condition: Condition
    has_keeper: bool

    def __init__(
        self,
        name: str,
        *,
        identity: Identity,
        instance: openstack.compute.Instance,
        address: pulumi.Output[str],
        disk: pulumi.Output[DataDisk],
        operators: Sequence[str],
        ssh_config: str,
        cloud: Cloud,
        provider: command.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            tokens.DOCKER_HOST,
            name,
            None,
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(providers=[provider]), opts),
        )
        self._identity = identity
        self.has_keeper = identity.keeper is not None
        login = login_files(identity.keeper, operators) if identity.keeper else {}
        self._instance = instance
        self.address = address
        self.provider = provider
        self.ssh_config = ssh_config
        self._explain = unreachable_hook(
            f"{name}-unreachable",
            stack=identity.stack,
            address=address,
            server_id=instance.id,
            operators=operators,
        )
        self._make_room = make_room_hook(f"{name}-make-room", ssh_config=ssh_config, address=address)

        reachable = self.command(
            f"{name}-reachable",
            create=commands.await_cloud_init(),
            parent=self,
            retries=NEW_SERVER,
            timeout="20m",
        )
        # The output waits for SSH, so that not even a preview dials a server that is still booting.
        dialled = pulumi.Output.all(address, reachable.stdout).apply(lambda values: str(values[0]))
        self.condition = Condition(f"{name}-condition", ssh_config=ssh_config, address=dialled)
        awake = awake_hook(
            f"{name}-awake",
            stack=identity.stack,
            verdict=self.condition.verdict,
            connect=cloud.connect,
            address=address,
            server_id=instance.id,
        )
        bundle = self.command(
            f"{name}-bundle",
            create=commands.apply_bundle(),
            triggers=[self.condition.token],
            stdin=disk.apply(lambda known: pack(host_bundle(known, identity.authorized_keys, login))),
            parent=self,
            depends_on=[reachable],
            before=[awake],
        )
        self.ready = self.command(
            f"{name}-ready",
            create=commands.check_host(),
            triggers=[bundle.stdin.apply(bundle_version), self.condition.token],
            parent=self,
            depends_on=[bundle],
            after=[self.condition.noted],
        )
        # `ready` is in depends_on and not in the host's text, so that a changed bundle does not make the provider's
        # configuration unknown and the preview of every container blank with it.
        self.docker = docker.Provider(
            f"{name}-docker",
            host=dialled.apply(lambda address: f"ssh://{USER}@{address}"),
            ssh_opts=["-F", ssh_config],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.ready], deleted_with=instance),
        )
        self.register_outputs({})

    def options(self, parent: pulumi.Resource, **options: object) -> pulumi.ResourceOptions:
        """The options of every resource that lives on this host: made through its Docker, gone with the server
        without a call to it, made again with the next one, and not stopped by what a killed update left behind under
        the same name. Children inherit none of the last three."""
        return pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(
                parent=parent,
                provider=self.docker,
                deleted_with=self._instance,
                replacement_trigger=self._instance.id,
                depends_on=[self.ready],
                hooks=pulumi.ResourceHookBinding(before_create=[self._make_room]),
            ),
            pulumi.ResourceOptions(**options),  # type: ignore[arg-type]
        )

    def in_every_update(
        self, command: str, *, after: pulumi.Output[str] | None = None, must_run: bool = False
    ) -> pulumi.Output[str]:
        """Run a command on this host in each update, also where nothing changes, once `after` is known, or the host
        ready. Return an output that is always "", for resources that must wait for the command. A host that refuses
        SSH ends the update only if the command `must_run`."""
        return in_every_update(
            command,
            ssh_config=self.ssh_config,
            address=self.address,
            after=after or self.ready.stdout,
            must_run=must_run,
        )

    def command(
        self,
        name: str,
        *,
        create: str,
        parent: pulumi.Resource,
        triggers: Sequence[pulumi.Input[str]] = (),
        stdin: pulumi.Input[str] | None = None,
        secret: bool = False,
        depends_on: list[pulumi.Resource] | None = None,
        retries: RetryPolicy = KNOWN_SERVER,
        timeout: str | None = None,
        before: Sequence[pulumi.ResourceHook] = (),
        after: Sequence[pulumi.ResourceHook] = (),
    ) -> command.remote.Command:
        """Run a command on this host again when its text, its input, a trigger or the server changes. It never runs at
        deletion.

        `create` is a plain text and no output. The guard compares it with the text that ran before, also in a preview
        that replaces the server, the image or the container. Ids that are known only later are `triggers`.

        The hooks `before` run just before the command, the hooks `after` once it has succeeded. With `secret`, its
        input and output reach no log and are encrypted in the state.
        """
        return command.remote.Command(
            name,
            connection=self._identity.connection(
                self.address, dial_error_limit=retries.errors, per_dial_timeout=retries.seconds
            ),
            create=create,
            triggers=list(triggers) or None,
            stdin=stdin,
            add_previous_output_in_env=False,
            logging=command.remote.Logging.NONE if secret else None,
            opts=pulumi.ResourceOptions(
                parent=parent,
                provider=self.provider,
                deleted_with=self._instance,
                replacement_trigger=self._instance.id,
                depends_on=depends_on,
                additional_secret_outputs=["stdout", "stderr"] if secret else None,
                custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout) if timeout else None,
                hooks=pulumi.ResourceHookBinding(
                    before_create=list(before),
                    before_update=list(before),
                    after_create=list(after),
                    after_update=list(after),
                    on_error=[self._explain],
                ),
            ),
        )
