"""Neutron's mechanism driver of the lab: binds any port at once and plugs nothing, for the servers' bridge is
Docker's. What security groups let in is a matter of firewall.py, which hears of every change from here."""

import logging
import threading
import time
from typing import Any

import firewall
from neutron_lib import constants, context
from neutron_lib.api.definitions import portbindings
from neutron_lib.callbacks import events, registry, resources
from neutron_lib.plugins import directory
from neutron_lib.plugins.ml2 import api

LOG = logging.getLogger(__name__)

CHANGES = {
    resources.PORT: (events.AFTER_CREATE, events.AFTER_UPDATE, events.AFTER_DELETE),
    resources.SECURITY_GROUP_RULE: (events.AFTER_CREATE, events.AFTER_DELETE),
}
"""After what the packet filter is made anew. A group goes only when no port has it."""


class LabMechanismDriver(api.MechanismDriver):  # type: ignore[misc]
    """Found by the entry point in toybox_lab.dist-info beside this file."""

    def initialize(self) -> None:
        self._one_at_a_time = threading.Lock()
        for resource, moments in CHANGES.items():
            for moment in moments:
                registry.subscribe(self._filter_anew, resource, moment)
        threading.Thread(target=self._filter_at_start, daemon=True).start()

    @property
    def connectivity(self) -> str:
        return str(portbindings.CONNECTIVITY_L2)

    def bind_port(self, context: Any) -> None:
        context.set_binding(
            context.segments_to_bind[0][api.ID],
            portbindings.VIF_TYPE_BRIDGE,
            {portbindings.CAP_PORT_FILTER: True},
            constants.PORT_STATUS_ACTIVE,
        )

    def _filter_at_start(self) -> None:
        """The machine may have been switched off, and its packet filter with it."""
        while not directory.get_plugin():  # which is what loads this driver
            time.sleep(0.2)
        self._filter_anew()

    def _filter_anew(self, *_: Any, **__: Any) -> None:
        """Read ports and rules and put them in place, before whoever changed them has an answer."""
        with self._one_at_a_time:
            try:
                firewall.load(firewall.render(server_ports(directory.get_plugin())))
            except Exception:  # the change itself is made: nobody could be told but through the log
                LOG.exception("the packet filter of the servers is not up to date")


def server_ports(plugin: Any) -> list[firewall.Port]:
    """All servers' ports with what their security groups let in. A port without port security is not filtered."""
    admin = context.get_admin_context()
    ports = [
        port
        for port in plugin.get_ports(admin)
        if port["device_owner"].startswith(constants.DEVICE_OWNER_COMPUTE_PREFIX)
        and port.get("port_security_enabled", True)
    ]
    members: dict[str, list[str]] = {}
    for port in ports:
        for group in port["security_groups"]:
            members.setdefault(group, []).extend(addresses(port))
    rules: dict[str, list[firewall.Rule]] = {}
    for rule in plugin.get_security_group_rules(admin, {"direction": ["ingress"], "ethertype": ["IPv4"]}):
        rules.setdefault(rule["security_group_id"], []).append(filter_rule(rule, members))
    return [
        firewall.Port(address, tuple(rule for group in port["security_groups"] for rule in rules.get(group, [])))
        for port in ports
        for address in addresses(port)
    ]


def addresses(port: Any) -> list[str]:
    """A port's IPv4 addresses."""
    return [one["ip_address"] for one in port["fixed_ips"] if ":" not in one["ip_address"]]


def filter_rule(rule: Any, members: dict[str, list[str]]) -> firewall.Rule:
    """A rule as the packet filter wants it. Protocols other than the usual ones go by their numbers."""
    protocol = rule["protocol"]
    if protocol == "any":
        protocol = None
    elif protocol is not None and protocol not in (*firewall.WITH_PORTS, "icmp"):
        protocol = str(constants.IP_PROTOCOL_MAP.get(protocol, protocol))
    if rule.get("remote_group_id"):
        sources = members.get(rule["remote_group_id"], [])
    elif rule.get("remote_address_group_id"):
        sources = []
    else:
        sources = [rule["remote_ip_prefix"] or "0.0.0.0/0"]
    return firewall.Rule(protocol, (rule["port_range_min"], rule["port_range_max"]), tuple(sources))
