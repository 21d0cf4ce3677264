"""The keeper, whole: a machine that exists, at another provider, pulls what stack `toybox:keeps` must not lose.

The machine is reached as root over SSH, with its host key pinned. Nothing here can change the stack that is kept: its
address and host key are read from its outputs.
"""

import pulumi
import pulumi_command as command

from components.keeper import Keeper, kept_source
from host.ssh_files import write_ssh_config
from settings import SettingsError
from settings import keeper as keeper_settings

try:
    settings = keeper_settings.load()
except SettingsError as error:
    raise pulumi.RunError(str(error)) from None

machine = settings.machine
secrets = settings.secrets
keeper = Keeper(
    "keeper",
    machine=machine,
    secrets=secrets,
    source=kept_source(settings.keeps),
    copy=settings.copy_to,
    ssh_config=write_ssh_config(settings.stack, machine.host_key, secrets.ssh_private_key.get_secret_value()),
    provider=command.Provider("command"),
)

pulumi.export("address", machine.address)
pulumi.export("keeps", settings.keeps)
