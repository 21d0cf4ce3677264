"""The server: disposable. Rebuilding it keeps the data volume, which is attached to the new one.

What it does not do: it installs nothing and mounts nothing. The image brings Docker, the host bundle brings the rest.
"""

from uuid import UUID

import pulumi
import pulumi_openstack as openstack

from components.cloud import Cloud
from components.server.ssh import Identity
from components.server.user_data import render_user_data
from conoha import names, volumes
from inventory import ports, tokens
from settings import Keeper
from settings import Server as ServerSettings

EVERYWHERE = "0.0.0.0/0"
"""IPv4 only. IPv6 is closed: nothing is served or tested there, so an open port would only add a risk."""


def ingress_rules(operators: list[str], keeper: Keeper | None = None) -> dict[str, tuple[int, str]]:
    """Who may reach what, as {rule's name: (TCP port, CIDR)}: 22 for the operators and the keeper, 80 and 443 for
    everybody. A keeper that is an operator's machine, too, has the operator's rule: OpenStack refuses an equal one."""
    ssh = {f"ssh-{cidr.replace('/', '-')}": (ports.SSH, cidr) for cidr in operators}
    if keeper and f"{keeper.address}/32" not in operators:
        ssh["ssh-keeper"] = (ports.SSH, f"{keeper.address}/32")
    web = {f"{service}-ipv4": (port, EVERYWHERE) for service, port in (("http", ports.HTTP), ("https", ports.HTTPS))}
    return ssh | web


def boot_image_id(image: str, opts: pulumi.InvokeOptions) -> pulumi.Input[str]:
    """The id of the image called `image`; an id is taken as it is.

    ConoHa rotates its images, and a name that is gone must not block every later `pulumi up`: the stack's output
    `bootImageId` is what to write into `server.image` then, and nothing is replaced. It is also the first call to the
    cloud, so a login that fails shows here.

    Raises:
        pulumi.RunError: no image, or more than one, has that name; or the cloud refuses the question.
    """
    try:
        return str(UUID(image))
    except ValueError:
        pass

    async def look_up() -> str:
        try:
            # get_image_ids_output leaves a failed output behind, whose traceback the SDK may raise before our error
            found = await pulumi.runtime.invoke_async(
                "openstack:images/getImageIds:getImageIds", {"name": image}, opts, openstack.images.GetImageIdsResult
            )
        except Exception as error:
            raise pulumi.RunError(refused(str(error))) from None
        if len(found.ids) != 1:
            raise pulumi.RunError(not_one_image(image, len(found.ids)))
        return str(found.ids[0])

    return look_up()


def refused(reason: str) -> str:
    """What to tell an operator whom the cloud does not answer."""
    return (
        f"toybox:openstack: the cloud refused the first question: {reason}\n"
        "  Why: everything is made through this account, so nothing was created or changed.\n"
        "  Way out: check authUrl, tenantName, userName and the password, which is set with\n"
        "  `pulumi config set --secret toybox:openstackPassword` (it asks; nothing is shown)."
    )


def not_one_image(image: str, count: int) -> str:
    """What to tell an operator whose image is not there."""
    return (
        f"toybox:server.image: the cloud has {count} images named {image!r}, and exactly one is needed.\n"
        "  Why: the boot volume is made from it.\n"
        "  Way out: list them with `openstack image list`. If ConoHa has retired the image of a server that runs, "
        "write the id from `pulumi stack output bootImageId` into toybox:server.image; nothing is replaced then."
    )


class Server(pulumi.ComponentResource):
    """Boot volume, key pair, security group and the server `toybox-<stack>`, with the data volume attached.

    Both volumes are passed at creation, because ConoHa attaches only to stopped servers. The old server is deleted
    before the new one is made: a volume can be attached to one server.
    """

    instance: openstack.compute.Instance
    address: pulumi.Output[str]
    boot_image_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        settings: ServerSettings,
        operators: list[str],
        identity: Identity,
        data_volume_id: pulumi.Input[str],
        provider: Cloud,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            tokens.SERVER, name, None, pulumi.ResourceOptions.merge(pulumi.ResourceOptions(providers=[provider]), opts)
        )
        child = pulumi.ResourceOptions(parent=self)
        cloud_name = names.server_name(stack)

        image_id = boot_image_id(settings.image, pulumi.InvokeOptions(provider=provider))
        boot_volume = openstack.blockstorage.Volume(
            f"{name}-boot-volume",
            name=names.resource_name(stack, "boot"),
            size=settings.boot_volume.size,
            volume_type=volumes.BOOT.name,
            image_id=image_id,
            opts=pulumi.ResourceOptions(
                parent=self,
                delete_before_replace=True,
                # The provider would resize it in place, which ConoHa refuses, and what was refused stays in the state.
                replace_on_changes=["size"],
                # The old root disk would start its containers on the new data, before anybody looked at it.
                replacement_trigger=data_volume_id,
            ),
        )
        key_pair = openstack.compute.Keypair(
            f"{name}-key-pair",
            name=cloud_name,
            public_key=identity.public_key,
            # the cloud cannot have two key pairs of one name
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        security_group = openstack.networking.SecGroup(
            f"{name}-security-group",
            name=cloud_name,
            description=f"TOYBOX {stack}: SSH from the operators, HTTP and HTTPS from everywhere",
            opts=child,
        )
        for rule, (port, cidr) in ingress_rules(operators, identity.keeper).items():
            openstack.networking.SecGroupRule(
                f"{name}-ingress-{rule}",
                security_group_id=security_group.id,
                direction="ingress",
                ethertype="IPv4",
                protocol="tcp",
                port_range_min=port,
                port_range_max=port,
                remote_ip_prefix=cidr,
                opts=pulumi.ResourceOptions(parent=self, hooks=provider.rule_hooks),
            )
        self.instance = openstack.compute.Instance(
            f"{name}-instance",
            name=cloud_name,
            flavor_name=settings.flavor,
            # the key's name and not its output: with the output, another key would replace the server. The host bundle
            # declares the server's keys after its first boot
            key_pair=cloud_name,
            security_groups=[security_group.name],
            config_drive=True,
            # a replacement shuts the server down and does not cut its power: the provider stops the server first, and
            # waits
            stop_before_destroy=True,
            power_state="active",
            metadata={"instance_name_tag": cloud_name},
            user_data=identity.host_private_key.apply(
                lambda key: render_user_data(host_private_key=key, host_public_key=identity.host_public_key)
            ),
            block_devices=[
                openstack.compute.InstanceBlockDeviceArgs(
                    uuid=boot_volume.id,
                    source_type="volume",
                    destination_type="volume",
                    boot_index=0,
                ),
                openstack.compute.InstanceBlockDeviceArgs(
                    uuid=data_volume_id,
                    source_type="volume",
                    destination_type="volume",
                    boot_index=-1,
                    delete_on_termination=False,
                ),
            ],
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[key_pair],
                delete_before_replace=True,
                # ConoHa resizes only stopped servers, in two steps; a new server with the same data is one step.
                # blockDevices: otherwise the engine deletes a boot volume that it replaces before the server on it.
                replace_on_changes=["flavorName", "blockDevices"],
                # user_data: frozen. name: ConoHa reads back its own (vm-...) and refuses a rename.
                # security_groups: ConoHa has no action to add or remove one on a server.
                ignore_changes=["user_data", "name", "security_groups"],
                custom_timeouts=pulumi.CustomTimeouts(create="15m", delete="15m"),
            ),
        )
        self.address = self.instance.access_ip_v4
        self.boot_image_id = boot_volume.image_id.apply(str)
        self.register_outputs({"address": self.address, "serverId": self.instance.id})
