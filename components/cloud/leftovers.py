"""Stop an update before it begins if the cloud has a resource of the stack that the state does not know.

The check runs before everything that the program makes or deletes, and not in hooks before each creation. A boot volume
that is about to be replaced is deleted first. The cloud refuses that while an unknown server has the volume. A preview
changes nothing, so it does not look. conoha/leftovers.py decides.

The check removes one thing only: a rule of our own security group, equal to the one that is about to be made. The cloud
accepts no duplicate, and a rule holds no data.
"""

import asyncio
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pulumi

from conoha import leftovers
from conoha.account import DOMAIN, REGION
from settings import Settings

if TYPE_CHECKING:
    from openstack.connection import Connection


def connection(settings: Settings) -> "Connection":
    """Return a connection to the stack's cloud."""
    # the SDK takes most of a second to load, and a preview does not need it
    from conoha.login import log_in

    account = settings.openstack
    return log_in(
        auth_url=account.auth_url,
        region=REGION,
        domain=DOMAIN,
        tenant=account.tenant_name,
        user=account.user_name,
        password=settings.secrets.openstack_password.get_secret_value(),
    )


def exported_state(stack: str) -> str:
    """Return the stack's state as it is while this update runs: the engine writes it after each step, and none has run
    yet.

    Raises:
        pulumi.RunError: the state cannot be read. An update that does not know its own state must not begin.
    """
    command = ["pulumi", "stack", "export", "--stack", stack, "--non-interactive"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise pulumi.RunError(
            f"the state of {stack} cannot be read: `{' '.join(command)}` failed. Nothing was changed.\n"
            f"    Why:     without it, leftovers of a killed update are not found.\n    {done.stderr.strip()}"
        )
    return done.stdout


def stop_for_leftovers(settings: Settings) -> None:
    """Return if nothing blocks an update. Warn of a data volume that blocks nothing, and of a server that is gone.

    Raises:
        pulumi.RunError: something blocks the update (the message has the command that clears it), or the cloud or the
            state cannot be read.
    """
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    origin = settings.data_volume.origin
    adopted = origin.id if origin.source == "adopted" else None
    exported = exported_state(settings.stack)
    try:
        difference = leftovers.find(
            connection(settings),
            settings.stack,
            exported,
            pulumi.log.info,
            adopted=adopted,
            blank=origin.source == "blank",
        )
    except (ClientException, SDKException) as error:
        raise pulumi.RunError(
            f"the cloud does not say what it has: {error}. Nothing was changed.\n"
            "    Way out: check toybox:openstack in the settings and the password; then run the update again."
        ) from None
    if said := leftovers.refusal(settings.stack, difference.leftovers):
        raise pulumi.RunError(said)
    if difference.gone:
        pulumi.log.warn(difference.gone)
    for each in difference.leftovers:
        pulumi.log.warn(
            f"{each} is not in the state, and costs money. `toybox leftovers --stack {settings.stack}` says more."
        )


def equal_rules(inputs: Mapping[str, Any], there: Iterable[Any]) -> list[str]:
    """Return the ids of the rules of our own group that equal `inputs`."""
    names = {
        "direction": "direction",
        "ethertype": "ether_type",
        "protocol": "protocol",
        "portRangeMin": "port_range_min",
        "portRangeMax": "port_range_max",
        "remoteIpPrefix": "remote_ip_prefix",
    }

    def text(value: object) -> str:
        return str(int(value)) if isinstance(value, float) else str(value)

    return [
        str(rule.id)
        for rule in there
        if all(text(inputs.get(ours)) == text(getattr(rule, theirs)) for ours, theirs in names.items())
    ]


class EqualRules:
    """Removes a rule that a killed update left. It connects once, when the first rule is made."""

    def __init__(self, connect: Callable[[], "Connection"]) -> None:
        self._connect = connect
        self._one_at_a_time = threading.Lock()

    @cached_property
    def _connection(self) -> "Connection":
        return self._connect()

    async def before_create(self, args: pulumi.ResourceHookArgs) -> None:
        """Run before a security group's rule is made, as a hook."""
        for id_ in await asyncio.to_thread(self.clear, dict(args.new_inputs or {})):
            pulumi.log.info(f"removed security group rule {id_}, which says the same as {args.name}")

    def clear(self, inputs: Mapping[str, Any]) -> list[str]:
        """Remove rules equal to the one that is about to be made. Return their ids."""
        with self._one_at_a_time:
            network = self._connection.network
            rules = network.security_group_rules(security_group_id=inputs["securityGroupId"])
            found = equal_rules(inputs, list(rules))
            for id_ in found:
                network.delete_security_group_rule(id_)
            return found
