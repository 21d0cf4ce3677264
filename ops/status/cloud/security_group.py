"""Report whether the security group lets in the declared networks and ports, and no others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conoha.names import server_name
from ops.cloud import cloud_errors
from ops.status.line import Line
from settings import Declared

if TYPE_CHECKING:
    from openstack.connection import Connection

NAME = "security group"
EVERYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Rule:
    """A rule that lets traffic in: which ports (empty: all), from where."""

    id: str
    protocol: str
    first: int | None
    last: int | None
    source: str

    @property
    def in_words(self) -> str:
        """Return the rule in words, for people."""
        ports = "all ports" if self.first is None else f"port {self.first}"
        upto = f"-{self.last}" if self.last != self.first and self.last is not None else ""
        return f"{ports}{upto} ({self.protocol}) for {self.source}"


def ssh_networks(settings: Declared) -> list[str]:
    """Return the networks that may reach port 22: the operators', and the keeper's address."""
    return [*settings.operators, *([f"{settings.keeper.address}/32"] if settings.keeper else [])]


def wanted(operators: Collection[str]) -> set[tuple[int, str]]:
    """Return the declared rules as (port, network): 22 for the operators, 80 and 443 for everybody."""
    return {(22, each) for each in operators} | {(port, EVERYWHERE) for port in (80, 443)}


def security_group_line(rules: Sequence[Rule] | None, operators: Collection[str], stack: str) -> Line:
    """Return a line that says whether the group's rules are the declared ones. `rules` is None if there is no such
    group."""
    if rules is None:
        return Line(NAME, "bad", f"{server_name(stack)} is not there", f"pulumi up --stack {stack} --refresh")
    declared = wanted(operators)
    extra = [each for each in rules if _pair(each) not in declared]
    missing = sorted(declared - {_pair(each) for each in rules})
    # an update comes first: the surplus rules may come from the former settings
    if missing:
        text = f"it keeps out what is declared: {', '.join(f'port {port} for {source}' for port, source in missing)}"
        return Line(NAME, "bad", text, f"pulumi up --stack {stack} --refresh --target '**::server-ingress-*'")
    if extra:
        text = f"it lets in more than is declared: {', '.join(each.in_words for each in extra)}"
        return Line(NAME, "bad", text, f"toybox api DELETE network /security-group-rules/{extra[0].id} --stack {stack}")
    return Line(NAME, "good", f"22 for {', '.join(sorted(set(operators)))}; 80 and 443 for everybody")


def _pair(rule: Rule) -> tuple[int, str] | None:
    exact = rule.protocol == "tcp" and rule.first is not None and rule.first == rule.last
    return (rule.first or 0, rule.source) if exact else None


def find_rules(connection: "Connection", stack: str) -> list[Rule] | None:
    """Return the rules of the stack's group; None if there is no group of its name.

    Raise OpsError if the cloud refuses the question.
    """
    with cloud_errors("the security group"):
        group = connection.network.find_security_group(server_name(stack), ignore_missing=True)
        if group is None:
            return None
        return [
            Rule(
                each["id"],
                each["protocol"] or "any protocol",
                each["port_range_min"],
                each["port_range_max"],
                each["remote_ip_prefix"] or each["remote_group_id"] or "everybody",
            )
            for each in group.security_group_rules
            if each["direction"] == "ingress"
        ]
