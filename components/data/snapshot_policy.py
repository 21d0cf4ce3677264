"""When restore points of the data volume are taken: the declaration, not the restore points.

What it does not do: it takes none. ConoHa does that every night for whom it has a subscription; on another OpenStack
`toybox restore-points run` does, from a schedule outside the server, and finds the policy on the volume (DataVolume
writes it there). A server never holds the cloud's credentials.
"""

import pulumi
import pulumi_command as command

from components.secret_output import secret_output
from components.server import Server
from conoha import backup_limits, prices
from conoha.account import DOMAIN, REGION
from inventory import tokens
from settings import Settings

PROGRAM = ".venv/bin/python -m conoha.automatic_backup"
"""Run from the project's folder, where the engine starts its plugins."""


def kept(settings: Settings) -> int:
    """Return how many restore points the policy keeps, by the settings; 0 if none are taken."""
    policy = settings.snapshot_policy
    if policy.schedule == "off" or policy.keep is None:
        return 0
    return backup_limits.kept(policy.keep) if policy.driver == "conoha" else policy.keep


def effect(settings: Settings) -> str:
    """Say what comes of the request: ConoHa keeps other numbers than one may have asked for, and charges for it."""
    policy = settings.snapshot_policy
    if policy.schedule == "off" or policy.keep is None:
        return "No restore points are taken."
    if policy.driver == "openstack":
        return f"Restore points: {policy.keep} are kept, one a day, taken by `toybox restore-points run`."
    kept = backup_limits.kept(policy.keep)
    size = settings.server.boot_volume.size + settings.data_volume.size
    price = prices.automatic_backup(size, kept)
    requested = "" if kept == policy.keep else f" ({policy.keep} are requested, and ConoHa keeps no fewer)"
    cost = (
        f"¥{price:,} a month for {size} GB"
        if price is not None
        else f"at a price that ConoHa's list does not have for {size} GB"
    )
    return (
        f"Restore points: ConoHa keeps {kept} nightly backups of boot and data volume{requested}, "
        f"at an hour that it chooses, {cost} (prices of {prices.DATED})."
    )


class SnapshotPolicy(pulumi.ComponentResource):
    """The automatic backup of the server, subscribed, changed and cancelled with the declaration (driver conoha).

    A subscription belongs to a server: a new server gets a new one, and the old one's is cancelled while that server
    still exists. The backups stay.

    UNCONFIRMED (deleted-server): whether ConoHa ends the subscription of a deleted server, and stops charging for it,
    by itself. Here: it is not relied on.

    Raises nothing itself; what ConoHa refuses ends the update with its words.
    """

    effect: str

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        server: Server,
        provider: command.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            tokens.SNAPSHOT_POLICY,
            name,  # the state remembers how many are kept, so that the guard can stop an update that keeps fewer
            {"kept": kept(settings)},
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(providers=[provider]), opts),
        )
        self.effect = effect(settings)
        pulumi.log.info(self.effect, self)
        policy, account = settings.snapshot_policy, settings.openstack
        if policy.driver == "conoha" and policy.schedule == "daily" and policy.keep is not None:
            command.local.Command(
                f"{name}-subscription",
                create=f"{PROGRAM} create",
                update=f"{PROGRAM} update",
                delete=f"{PROGRAM} delete",
                stdin=pulumi.Output.json_dumps(
                    {
                        "auth_url": account.auth_url,
                        "region": REGION,
                        "domain": DOMAIN,
                        "tenant": account.tenant_name,
                        "user": account.user_name,
                        "password": secret_output(settings.secrets.openstack_password),
                        "server": server.instance.id,
                        "retention": backup_limits.kept(policy.keep),
                    }
                ),
                triggers=[server.instance.id],
                add_previous_output_in_env=False,
                logging=command.local.Logging.NONE,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    delete_before_replace=True,
                    additional_secret_outputs=["stdin", "stdout", "stderr"],
                    custom_timeouts=pulumi.CustomTimeouts(create="5m", update="5m", delete="5m"),
                ),
            )
        self.register_outputs({"effect": self.effect})
