"""Networks, images and logging in, as ConoHa has them."""

from typing import Any

import pytest

from lab.conoha_rules import sub_users
from lab.conoha_rules.rule import Call, Group, Port, Refusal, Volume
from tests.unit.lab.conoha_rules.tenant import DATA, Tenant, passed, refusal

TENANT = Tenant(
    has_groups=[Group("1", "default"), Group("2", "toybox-prod"), Group("3", "IPv4v6-Web")],
    has_ports=[Port("public", "external"), Port("local", "private")],
    has_networks=["private"],
    rules={"ours": "2", "theirs": "3"},
)


def network(method: str, path: str, body: dict[str, Any] | None = None, tenant: Tenant = TENANT) -> str:
    return refusal("network", method, path, body, tenant)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("resource", ["routers", "floatingips", "subnetpools", "trunks"])
def test_a_servers_address_is_its_own(method: str, resource: str) -> None:
    assert f"no '{resource}'" in network(method, f"/{resource}")
    assert f"no '{resource}'" in network(method, f"/{resource}/one/more")


def test_names_of_groups_are_unique() -> None:
    assert "unique" in network("POST", "/security-groups", {"security_group": {"name": "toybox-prod"}})
    assert network("POST", "/security-groups", {"security_group": {"name": "toybox-staging"}}) == ""
    assert "unique" in network("PUT", "/security-groups/2", {"security_group": {"name": "default"}})
    assert network("PUT", "/security-groups/2", {"security_group": {"name": "toybox-prod", "description": ""}}) == ""


def test_ready_made_groups_stay_as_they_are() -> None:
    rule = {"security_group_id": "3", "direction": "ingress", "ethertype": "IPv4"}
    assert "IPv4v6-Web" in network("POST", "/security-group-rules", {"security_group_rule": rule})
    assert "IPv4v6-Web" in network("DELETE", "/security-group-rules/theirs")
    assert "IPv4v6-Web" in network("DELETE", "/security-groups/3")
    assert network("POST", "/security-group-rules", {"security_group_rule": {**rule, "security_group_id": "2"}}) == ""
    assert network("DELETE", "/security-group-rules/ours") == ""
    assert network("DELETE", "/security-groups/2") == ""


def test_a_rule_says_its_address_family() -> None:
    rule = {"security_group_id": "2", "direction": "ingress"}
    assert "ethertype" in network("POST", "/security-group-rules", {"security_group_rule": rule})


def test_public_ports_are_conohas() -> None:
    assert network("POST", "/ports", {"port": {"network_id": "external"}})
    assert network("POST", "/ports", {"port": {"network_id": "private"}}) == ""
    assert network("DELETE", "/ports/public")
    assert network("DELETE", "/ports/local") == ""
    assert network("PUT", "/ports/public", {"port": {"security_groups": ["2"]}}) == ""
    assert "name" in network("PUT", "/ports/public", {"port": {"name": "mine"}})


def test_local_networks_are_bare() -> None:
    assert passed("network", "POST", "/networks", {}, TENANT).body == {"network": {}}
    assert "name" in network("POST", "/networks", {"network": {"name": "mine"}})
    ten = Tenant(has_networks=[str(number) for number in range(10)])
    assert "10 local networks" in network("POST", "/networks", {}, ten)
    subnet = {"network_id": "private", "cidr": "10.0.0.0/24"}
    assert passed("network", "POST", "/subnets", {"subnet": subnet}, TENANT).part("subnet") == {
        **subnet,
        "ip_version": 4,
    }
    assert "gateway_ip" in network("POST", "/subnets", {"subnet": {**subnet, "gateway_ip": "10.0.0.1"}})


def test_only_iso_files_are_uploaded() -> None:
    for kind in ("qcow2", "raw", None):
        assert "`iso` only" in refusal("image", "POST", "/images", {"disk_format": kind})
    assert refusal("image", "POST", "/images", {"name": "installer", "disk_format": "iso"}) == ""
    assert refusal("image", "PUT", "/images/one/file") == ""
    for method, path in (("PATCH", "/images/one"), ("POST", "/images/one/import"), ("PUT", "/images/one/stage")):
        assert refusal("image", method, path)


def login(**changes: Any) -> dict[str, Any]:
    """A login that ConoHa takes, changed."""
    domain = {"domain": {"name": "gnc"}}
    identity = {
        "methods": ["password"],
        "password": {"user": {"name": "gncu00000001", **domain, "password": "p"}},
    }
    scope = {"project": {"name": "gnct00000001", **domain}}
    return {"auth": {"identity": identity, "scope": scope, **changes}}


def log_in(**changes: Any) -> str:
    return refusal("identity", "POST", "/auth/tokens", login(**changes))


def test_logins_that_conoha_takes() -> None:
    assert log_in() == ""
    by_id = {"identity": {"methods": ["password"], "password": {"user": {"id": "u", "password": "p"}}}}
    assert log_in(**by_id, scope={"project": {"id": "p"}}) == ""
    assert log_in(scope={"project": {"name": "gnct00000001", "domain": {"id": "gnc"}}}) == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"identity": {"methods": ["token"], "token": {"id": "t"}}}, "not for token"),
        ({"identity": {"methods": ["application_credential"], "application_credential": {}}}, "for a password only"),
        ({"identity": {"methods": ["password", "totp"]}}, "for a password only"),
        ({"identity": {}}, "not for nothing"),
        ({"scope": None}, "a project only"),
        ({"scope": "unscoped"}, "a project only"),
        ({"scope": {"domain": {"name": "gnc"}}}, "a project only"),
        ({"scope": {"system": {"all": True}}}, "a project only"),
        ({"scope": {"project": {"name": "admin", "domain": {"name": "Default"}}}}, "'Default'"),
    ],
)
def test_logins_that_conoha_refuses(changes: dict[str, Any], why: str) -> None:
    assert why in log_in(**changes)


def test_the_users_domain_counts_too() -> None:
    user = {"name": "admin", "domain": {"id": "default"}, "password": "p"}
    assert "'default'" in log_in(identity={"methods": ["password"], "password": {"user": user}})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/auth/tokens"), ("DELETE", "/auth/tokens"), ("GET", "/projects"), ("GET", "/auth/projects")),
        *(("GET", "/users/one/application_credentials"), ("POST", "/users/one/application_credentials")),
        ("GET", "/domains"),
    ],
)
def test_keystone_has_more_than_conoha(method: str, path: str) -> None:
    assert f"no {method} /v3{path}" in refusal("identity", method, path)


def test_object_storage_keys_are_there() -> None:
    for method in ("GET", "POST"):
        assert refusal("identity", method, "/users/one/credentials/OS-EC2") == ""
    assert refusal("identity", "DELETE", "/users/one/credentials/OS-EC2/key") == ""


def test_a_user_has_three_ec2_credentials_at_most() -> None:
    path = "/users/one/credentials/OS-EC2"
    assert refusal("identity", "POST", path, tenant=Tenant(has_ec2_credentials=["a", "b"])) == ""
    assert "allows 3" in refusal("identity", "POST", path, tenant=Tenant(has_ec2_credentials=["a", "b", "c"]))


@pytest.mark.parametrize("path", ["/sub-users", "/sub-users/roles", "/sub-users/one/assign", "/permissions"])
def test_conohas_own_users_and_permissions_are_in_its_api(path: str) -> None:
    assert refusal("identity", "GET", path) == ""


def test_the_lab_has_no_sub_users_and_says_so() -> None:
    assert sub_users.answer(Call("GET", "/sub-users")) == (200, {"users": []})
    listed = sub_users.answer(Call("GET", "/permissions"))
    assert isinstance(listed, tuple)
    assert "get-server-list" in [one["name"] for one in listed[1]["permissions"]]
    refused = sub_users.answer(Call("POST", "/sub-users"))
    assert isinstance(refused, Refusal)
    assert refused.status == 501
    assert sub_users.answer(Call("POST", "/auth/tokens")) is None


@pytest.mark.parametrize(("size", "sold"), [("50GB", 1), ("550GB", 1), ("1050GB", 1), ("0GB", 0), ("500GB", 0)])
def test_image_save_capacity_is_sold_by_500_gb(size: str, sold: int) -> None:
    assert bool(refusal("image", "PUT", "/quota", {"quota": {"image_size": size}})) is not bool(sold)


def test_a_snapshot_uses_image_save_capacity() -> None:
    data = Volume("data", DATA, 200)
    wanted = {"snapshot": {"volume_id": "data"}}
    assert "50 GB" in refusal("volume", "POST", "/snapshots", wanted, Tenant(has_volumes=[data]))
    assert refusal("volume", "POST", "/snapshots", wanted, Tenant(has_volumes=[data], has_image_capacity=550)) == ""
    full = Tenant(has_volumes=[data], has_image_capacity=550, has_saved_bytes=400 << 30)
    assert "does not fit" in refusal("volume", "POST", "/snapshots", wanted, full)
