"""How answers are changed: addresses that lead back to the proxy, ConoHa's catalog, its backups, its ports' names."""

from collections.abc import Mapping
from typing import Any

from lab.conoha_rules.book import aged
from lab.conoha_rules.network import port_name
from lab.conoha_rules.rule import Call, Facts, match

CATALOG = ("identity", "compute", "volumev3", "image", "network")
"""The types in ConoHa's catalog that the lab has. There are `load-balancer`, `object-store`, `dns` and `account`, too
(github.com/Aid-On/terraform-provider-conohavps `fakeapi.go`)."""

FAULTS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
}


def redirected(text: str, addresses: Mapping[str, str]) -> str:
    """Text with every service's address replaced by the proxy's for it."""
    for service, proxied in addresses.items():
        text = text.replace(service, proxied)
    return text


def refusal(service: str, status: int, message: str) -> dict[str, Any]:
    """A refusal in the words of the service that was asked."""
    match service:
        case "network":
            return {"NeutronError": {"type": FAULTS.get(status, "Error"), "message": message, "detail": ""}}
        case "identity":
            return {"error": {"code": status, "title": FAULTS.get(status, "Error"), "message": message}}
        case _:
            return {FAULTS.get(status, "error"): {"code": status, "message": message}}


def public_catalog(token: Mapping[str, Any]) -> dict[str, Any]:
    """A token's catalog as ConoHa has it: its types of services, each with its public endpoint."""
    entries = [
        {**entry, "endpoints": [one for one in entry["endpoints"] if one["interface"] == "public"]}
        for entry in token.get("catalog", [])
        if entry["type"] in CATALOG
    ]
    return {**token, "catalog": entries} if "catalog" in token else dict(token)


def changed(service: str, call: Call, body: Any, nights: Mapping[str, int], facts: Facts) -> Any:
    """The JSON of an answer as ConoHa would give it."""
    if service == "identity" and call.path == "/auth/tokens" and "token" in body:
        return {**body, "token": public_catalog(body["token"])}
    if service == "volume" and match("GET", "/backups/**", call) is not None:
        return backups_aged(body, nights)
    if service == "network" and match("*", "/ports/**", call) is not None:
        return ports_named(body, facts.external_network())
    return body


def backups_aged(body: Any, nights: Mapping[str, int]) -> Any:
    """Backups with the ages that they have after the nights that were let pass."""
    if "backup" in body:
        return {**body, "backup": aged(body["backup"], nights)}
    return {**body, "backups": [aged(one, nights) for one in body["backups"]]} if "backups" in body else body


def ports_named(body: Any, external: str) -> Any:
    """Servers' ports on the external network with the names that ConoHa gives them."""

    def named(port: Mapping[str, Any]) -> dict[str, Any]:
        ours = port.get("network_id") == external and str(port.get("device_owner")).startswith("compute:")
        return {**port, "name": port_name(port.get("fixed_ips", []))} if ours else dict(port)

    if "port" in body:
        return {**body, "port": named(body["port"])}
    return {**body, "ports": [named(one) for one in body["ports"]]} if "ports" in body else body
