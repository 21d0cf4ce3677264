"""What the cloud holds when it is new: ConoHa's flavors, volume types, images, external network and ready-made groups.

Each function fills one service. What is there already is left as it is, so a fill that was broken off is simply done
again. The tenants are keystone's own start's work (openstack/serve.py).

Names, sizes and prices' places are those of ConoHa VPS 3.0 (GMO's OpenAPI of 2026-07-01, price table of 2026-09-28).
"""

import struct
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from openstack.connection import Connection

from conoha import flavors, volumes
from conoha.login import log_in
from lab import credentials, engine

VOLUME_TYPES = (volumes.BOOT.name, volumes.DATA.name)
IMAGES = (
    "vmi-debian-12.0-amd64",
    "vmi-ubuntu-22.04-amd64",
    "vmi-ubuntu-24.04-amd64",
    "vmi-docker-26.1-ubuntu-22.04-amd64",
)
"""All of them give the same server: Debian 12 with Docker.

UNCONFIRMED (image-firewall): that ConoHa's image with Docker brings a packet filter, as its Ubuntu and Debian images
do, which were seen to let in 22 only, with ufw or nftables of their own. Here: it does (lab/server_image).
"""
EXTERNAL_NETWORK = "ext-198-51-100-0"
POOL = {"start": str(IPv4Address(engine.GATEWAY) + 1), "end": str(engine.KEEPERS - 1)}
"""The IPv4 addresses that servers get."""
GROUPS = {"IPv4v6-SSH": (22,), "IPv4v6-Web": (80, 443)}
"""ConoHa's ready-made security groups: name to open TCP ports."""


def boot_disk(name: str) -> bytes:
    """1 MiB that says what it is and, like a real boot disk, has a partition table: nobody may take it for a blank
    disk.

    A classic table: one Linux partition from sector 2048 on, and the signature at the end of the first sector.
    """
    sector = bytearray(512)
    sector[: len(name)] = name.encode()
    sector[446:462] = struct.pack("<8B2I", 0x80, 0, 0, 0, 0x83, 0, 0, 0, 2048, 60 << 21)
    sector[510:] = b"\x55\xaa"
    return bytes(sector).ljust(1 << 20, b"\0")


def connect(accounts: Mapping[str, Any], tenant: Mapping[str, Any]) -> Connection:
    """A connection as one of the lab's accounts, for one thread."""
    return log_in(
        auth_url=accounts["auth_url"],
        region=accounts["region"],
        domain=tenant.get("domain", accounts["domain"]),
        tenant=tenant["tenant"],
        user=tenant["user"],
        password=tenant["password"],
    )


def administrator(accounts: Mapping[str, Any]) -> Connection:
    """A connection as the cloud's administrator, to stock OpenStack: ConoHa has no such account."""
    return connect({**accounts, "auth_url": credentials.KEYSTONE_URL}, accounts["administrator"])


def fill_flavors(accounts: Mapping[str, Any]) -> None:
    """Nova: the flavors."""
    cloud = administrator(accounts)
    have = {flavor.name for flavor in cloud.compute.flavors()}
    for name, flavor in flavors.FLAVORS.items():
        if name not in have:
            cloud.compute.create_flavor(name=name, vcpus=flavor.vcpus, ram=flavor.memory, disk=0)


def fill_volume_types(accounts: Mapping[str, Any]) -> None:
    """Cinder: the volume types."""
    cloud = administrator(accounts)
    have = {kind.name for kind in cloud.block_storage.types()}
    for name in VOLUME_TYPES:
        if name not in have:
            cloud.block_storage.create_type(name=name, extra_specs={"volume_backend_name": "lab"})


def fill_images(accounts: Mapping[str, Any]) -> None:
    """Glance: the images that boot volumes are made from."""
    cloud = administrator(accounts)
    have = {image.name for image in cloud.image.images(status="active")}
    for name in IMAGES:
        if name not in have:
            cloud.image.create_image(
                name=name,
                disk_format="raw",
                container_format="bare",
                visibility="public",
                min_disk=1,
                data=boot_disk(name),
                validate_checksum=False,
            )


def fill_networks(accounts: Mapping[str, Any]) -> None:
    """Neutron: the external network, and each tenant's ready-made security groups."""
    cloud = administrator(accounts)
    external_network(cloud)
    for tenant in accounts["projects"].values():
        security_groups(cloud, tenant["tenant_id"])


def external_network(cloud: Connection) -> None:
    """Have the network that every server gets its address on."""
    network = cloud.network.find_network(EXTERNAL_NETWORK) or cloud.network.create_network(
        name=EXTERNAL_NETWORK,
        is_router_external=True,
        is_shared=True,
        provider_network_type="flat",
        provider_physical_network="public",
    )
    have = {subnet.name: subnet for subnet in cloud.network.subnets(network_id=network.id)}
    version_4 = have.get(f"{EXTERNAL_NETWORK}-v4")
    if version_4 is None:
        cloud.network.create_subnet(
            network_id=network.id,
            ip_version=4,
            name=f"{EXTERNAL_NETWORK}-v4",
            cidr=engine.SUBNET,
            gateway_ip=engine.GATEWAY,
            allocation_pools=[POOL],
            is_dhcp_enabled=True,
        )
    elif version_4.allocation_pools != [POOL]:  # an older version made this lab
        cloud.network.update_subnet(version_4, allocation_pools=[POOL])
    if f"{EXTERNAL_NETWORK}-v6" not in have:
        cloud.network.create_subnet(
            network_id=network.id,
            ip_version=6,
            name=f"{EXTERNAL_NETWORK}-v6",
            cidr="2001:db8:c3::/64",
            gateway_ip="2001:db8:c3::1",
            ipv6_ra_mode="slaac",
            ipv6_address_mode="slaac",
            is_dhcp_enabled=True,
        )


def security_groups(cloud: Connection, project: str) -> None:
    """The groups that ConoHa gives to every tenant."""
    have = {group.name: group for group in cloud.network.security_groups(project_id=project)}
    for name, ports in GROUPS.items():
        group = have.get(name) or cloud.network.create_security_group(name=name, project_id=project)
        rules = {
            (rule.ether_type, rule.port_range_min)
            for rule in cloud.network.security_group_rules(security_group_id=group.id)
        }
        for ether in ("IPv4", "IPv6"):
            for port in ports:
                if (ether, port) not in rules:
                    cloud.network.create_security_group_rule(
                        security_group_id=group.id,
                        project_id=project,
                        direction="ingress",
                        ether_type=ether,
                        protocol="tcp",
                        port_range_min=port,
                        port_range_max=port,
                    )
