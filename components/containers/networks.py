"""The Docker networks of a host: two, and one more where a keeper pulls."""

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from components.host import DockerHost
from components.host.make_room import NAME_LABEL
from components.keeper_network import GATEWAY, NAME, SUBNET
from inventory import tokens


class Networks(pulumi.ComponentResource):
    """`edge`: Caddy and the web container, with a way out. `backend`: internal, no way in or out; the database, Redis
    and everything that needs them. `keeper`: internal, the database alone, for the keeper's forward; None without a
    keeper."""

    edge: docker.Network
    backend: docker.Network
    keeper: docker.Network | None

    def __init__(
        self,
        name: str,
        *,
        host: DockerHost,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.NETWORKS, name, None, opts)

        def network(
            network_name: str, *, internal: bool, ipam: Sequence[docker.NetworkIpamConfigArgs] = ()
        ) -> docker.Network:
            return docker.Network(
                f"{name}-{network_name}",
                name=network_name,
                driver="bridge",
                internal=internal,
                ipam_configs=list(ipam) or None,
                labels=[docker.NetworkLabelArgs(label=NAME_LABEL, value=network_name)],
                opts=host.options(self, ignore_changes=["labels"]),
            )

        self.edge = network("edge", internal=False)
        self.backend = network("backend", internal=True)
        addresses = [docker.NetworkIpamConfigArgs(subnet=SUBNET, gateway=GATEWAY)]
        self.keeper = network(NAME, internal=True, ipam=addresses) if host.has_keeper else None
        self.register_outputs({})
