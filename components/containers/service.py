"""A container with the options that keep data and users safe, and the step that waits until it is healthy."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from components.containers.container_spec import ContainerSpec
from components.containers.memory import SHARES
from components.containers.mounts import mounts, tmpfs_options
from components.containers.platform import Platform
from components.host import commands
from components.host.bundle import LOG_DRIVER
from components.host.make_room import NAME_LABEL
from inventory import tokens


def started(spec: ContainerSpec) -> tuple[list[str], list[str]]:
    """Return (entrypoint, command) of a container that sets its own OOM score, by which the kernel chooses a process to
    kill. Docker could set it, but the provider has no such option. A process may raise its own score without a
    capability. So all containers do but the database, which the kernel kills last."""
    score = SHARES[spec.name].oom_score
    raised = ("sh", "-c", f'echo {score} >/proc/self/oom_score_adj && exec "$@"', "sh") if score else ()
    if spec.entrypoint:
        return [*raised, *spec.entrypoint], list(spec.command)
    return [], [*raised, *spec.command]


def duration(seconds: int) -> str:
    """Seconds as Go prints them. Docker reads back "1m30s" for "90s", and every preview would show a difference."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def environment_list(environment: Mapping[str, str]) -> list[str]:
    """NAME=value, in an order that does not depend on how the program was written."""
    return [f"{name}={value}" for name, value in sorted(environment.items())]


class Service(pulumi.ComponentResource):
    """One container and its health gate, `ready`. Resources that need the service depend on the gate and not on the
    container.

    If the container does not become healthy, the gate fails the update with its last log lines. Each new container
    passes the gate. All of them pass it again if the look at the host found one ill: the gate waits for one that was
    restarted in place, and fails for a crash loop.

    Args:
        addresses: {fixed IPv4 address: the network in which the container has it}.
    """

    name: str
    await_healthy: str
    """The command of the gate."""
    container: docker.Container
    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        spec: ContainerSpec,
        image_id: pulumi.Input[str],
        platform: Platform,
        networks: Sequence[docker.Network],
        addresses: Mapping[str, docker.Network] = MappingProxyType({}),
        depends_on: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.SERVICE, name, None, opts)
        self.name = spec.name
        host = platform.host
        volumes = [platform.volumes.resources[volume] for volume, _ in spec.volumes.values()]
        entrypoint, words = started(spec)
        self.container = docker.Container(
            f"{name}-container",
            name=spec.name,
            hostname=spec.name,
            image=image_id,
            entrypoints=entrypoint or None,
            command=words,
            user=spec.user or None,
            group_adds=list(spec.groups) or None,
            envs=environment_list(spec.environment),
            labels=[docker.ContainerLabelArgs(label=NAME_LABEL, value=spec.name)],
            mounts=mounts(spec, platform.secrets),
            networks_advanced=[
                *(docker.ContainerNetworksAdvancedArgs(name=network.name, aliases=[spec.name]) for network in networks),
                *(
                    docker.ContainerNetworksAdvancedArgs(name=network.name, ipv4_address=address)
                    for address, network in addresses.items()
                ),
            ],
            ports=[docker.ContainerPortArgs(internal=port, external=port, protocol="tcp") for port in spec.ports],
            healthcheck=docker.ContainerHealthcheckArgs(
                tests=["CMD", *spec.health.command],
                interval=duration(spec.health.interval),
                timeout=duration(spec.health.timeout),
                start_period=duration(spec.health.start),
                retries=3,
            ),
            restart="unless-stopped",
            log_driver=LOG_DRIVER,
            destroy_grace_seconds=spec.stop_seconds,
            stop_timeout=spec.stop_seconds,
            # `rm -v` deletes anonymous volumes: with one wrong mount path, that is the database
            remove_volumes=False,
            security_opts=["no-new-privileges:true"],
            capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"], adds=list(spec.capabilities) or None),
            read_only=True,
            tmpfs={target: tmpfs_options(size) for target, size in spec.temporary.items()},
            memory=spec.memory,
            # the same as the memory: no swap on top. Else a container at its limit makes the whole server slow
            memory_swap=spec.memory,
            shm_size=spec.shared_memory,
            wait=False,
            must_run=True,
            opts=host.options(
                self,
                depends_on=[platform.secrets.ready, *volumes, *depends_on],
                delete_before_replace=True,
                # Docker cannot change these in a container, yet the plugin says "updated" and leaves the old mounts and
                # the old check in place (terraform-provider-docker #988; in Pulumi 5.2.0 also with that cured).
                replace_on_changes=["healthcheck", "mounts"],
            ),
        )
        self.await_healthy = commands.await_healthy(spec.name, spec.health.start, spec.processes)
        self.ready = host.command(
            f"{name}-healthy",
            create=self.await_healthy,
            triggers=[self.container.id, host.condition.token],
            parent=self,
        )
        self.register_outputs({})
