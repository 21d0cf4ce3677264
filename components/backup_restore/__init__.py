"""Puts a keeper's backup on a data volume that was made empty for it, before anything else writes there.

What it does not do: it changes nothing on the keeper and on no disk that holds data. bring.py decides by a record on
the data disk, and not by the state, whether that was done.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pulumi
import pulumi_command as command

from components.data_disk import DataDisk
from components.host import DockerHost
from components.postgres import DATABASE
from inventory import tokens
from inventory.volumes import KEPT_FILES
from settings import Kept, Settings, sibling_settings
from settings import keeper as keeper_settings

PROGRAM = ".venv/bin/python -m components.backup_restore.bring"
"""Run from the project's folder, where the engine starts its plugins."""


def settings_folder() -> Path:
    """Return the folder with the stacks' settings files: the one that Pulumi was told of, or the project's."""
    told = os.environ.get("PULUMI_OPTION_CONFIG_FILE")
    return Path(told).parent if told else Path(__file__).parents[2]


def keeper_of(siblings: Mapping[str, Mapping[str, object]]) -> tuple[str, str]:
    """Return (stack, address) of the one keeper among the other stacks' settings. Raises pulumi.RunError."""
    found = {
        name: machine["address"]
        for name, values in siblings.items()
        if values.get("environment") == keeper_settings.ENVIRONMENT
        and isinstance(machine := values.get("machine"), Mapping)
        and "address" in machine
    }
    if len(found) != 1:
        raise pulumi.RunError(
            f"toybox:dataVolume.origin: its source is a keeper, and {', '.join(sorted(found)) or 'no stack'} is one.\n"
            "  Why: what the keeper keeps is put on the data volume.\n"
            "  Way out: exactly one settings file with toybox:environment keeper, beside this stack's."
        )
    ((stack, address),) = found.items()
    return stack, str(address)


def restored(name: str, settings: Settings, disk: pulumi.Output[DataDisk], host: DockerHost) -> list[pulumi.Resource]:
    """Return the resources that the volumes wait for: a `BackupRestore` where the settings say that the data comes from
    a keeper, else none."""
    if not isinstance(settings.data_volume.origin, Kept):
        return []
    stack, keeper_address = keeper_of(sibling_settings(settings_folder(), settings.stack))
    parameters = {
        "keeperConfig": f".toybox/{stack}/ssh/config",
        "keeperAddress": keeper_address,
        "serverConfig": host.ssh_config,
        "image": settings.images.postgres,
        "database": DATABASE,
        "volumes": [volume.name for volume in KEPT_FILES],
    }
    step = BackupRestore(name, disk=disk, parameters=parameters, host=host)
    return [step.ready]


class BackupRestore(pulumi.ComponentResource):
    """The step that must succeed before any container mounts the data: `ready`.

    It runs again for another volume or server, and does nothing where the record on the data disk says that this volume
    has its backup. Where it fails, the update ends with the reason, and no container starts.
    """

    ready: command.local.Command

    def __init__(
        self,
        name: str,
        *,
        disk: pulumi.Output[DataDisk],
        parameters: Mapping[str, object],
        host: DockerHost,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            tokens.BACKUP_RESTORE,
            name,
            None,
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(providers=[host.provider]), opts),
        )

        def described(known: DataDisk, server: str) -> dict[str, object]:
            return {**parameters, "disk": asdict(known), "label": known.label, "serverAddress": server}

        self.ready = command.local.Command(
            f"{name}-done",
            create=PROGRAM,
            stdin=pulumi.Output.json_dumps(pulumi.Output.all(disk, host.address).apply(lambda both: described(*both))),
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[host.ready],
                custom_timeouts=pulumi.CustomTimeouts(create="12h", update="12h"),
            ),
        )
        self.register_outputs({})
