"""What the lab claims to be: ConoHa's names, its own addresses, nothing of the machine's."""

import json
import struct
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509

from lab import (
    certificates,
    cloud,
    conoha_rules,
    control_plane,
    credentials,
    engine,
    environment,
    registry,
    stack,
    volume_store,
)


def test_a_boot_disk_has_a_partition_table() -> None:
    disk = cloud.boot_disk("vmi-x")
    assert disk.startswith(b"vmi-x")
    assert disk[510:512] == b"\x55\xaa"
    assert struct.unpack("<I", disk[454:458]) == (2048,)
    assert len(disk) == 1 << 20


def test_every_lab_has_passwords_of_its_own() -> None:
    one, other = credentials.new_credentials(), credentials.new_credentials()
    names = (credentials.PEOPLE, *credentials.TESTS)
    for name in names:
        assert one["projects"][name]["password"] != other["projects"][name]["password"]
    assert len({one["projects"][name]["tenant"] for name in names}) == len(names)


def test_credentials_are_private_and_stay(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    first = credentials.credentials(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert credentials.credentials(file) == first


def test_people_log_in_under_conohas_rules_unless_they_ask_for_stock_openstack(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    assert not credentials.stock(credentials.credentials(file))
    passwords = credentials.credentials(file)["projects"]
    credentials.give_out("openstack", file)
    assert credentials.stock(credentials.credentials(file))
    credentials.give_out("conoha", file)
    assert not credentials.stock(credentials.credentials(file))
    assert credentials.credentials(file)["projects"] == passwords


def test_only_stock_openstack_takes_snapshots_for_restore_points() -> None:
    policy = {"driver": "conoha", "schedule": "daily", "keep": 7}
    committed = {"config": {"toybox:snapshotPolicy": policy}}
    assert stack.restore_points({"auth_url": credentials.CONOHA_URL}, committed) == {}
    assert stack.restore_points({"auth_url": credentials.KEYSTONE_URL}, committed) == {
        "toybox:snapshotPolicy": {**policy, "driver": "openstack"}
    }
    assert stack.restore_points({"auth_url": credentials.KEYSTONE_URL}, {"config": {}}) == {}


def test_the_services_and_the_administrator_do_not_go_through_the_rules() -> None:
    assert control_plane.RULES_PORT not in {service.port for service in control_plane.SERVICES}
    assert set(conoha_rules.PREFIXES.values()) <= {service.name for service in control_plane.SERVICES}
    assert all(":8800" not in url for _, _, url in control_plane.catalog())


def test_every_configuration_is_complete() -> None:
    names = [
        "state",
        "venv",
        "socket",
        "auth_url",
        "region",
        "service_password",
        "network",
        "label",
        "registry",
        "authority",
    ]
    values = {name: f"<{name}>" for name in names}
    for template in (control_plane.SOURCES / "conf").glob("*.conf"):
        assert "$" not in control_plane.render(template.read_text(), values), template
    with pytest.raises(KeyError):
        control_plane.render("${unknown}", values)


def test_the_registry_speaks_for_the_servers_gateway(tmp_path: Path) -> None:
    certificates.write(tmp_path, ip_address(engine.GATEWAY))  # type: ignore[arg-type]
    server = x509.load_pem_x509_certificate((tmp_path / "server.crt").read_bytes())
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ip_address(engine.GATEWAY)]
    assert (tmp_path / "server.key").stat().st_mode & 0o777 == 0o600
    assert registry.settings(tmp_path, tmp_path)["http"]["addr"] == "198.51.100.1:5001"
    assert ip_address(engine.GATEWAY) in ip_network(engine.SUBNET)


def test_an_engine_of_the_labs_own_leaves_the_machines_network_alone() -> None:
    settings = engine.daemon_settings()
    assert settings["bridge"] == "none"
    assert settings["iptables"] is False
    assert settings["ip-forward"] is False


def test_mounts_below_a_folder_are_found_and_no_others() -> None:
    table = (
        "nsfs /l/run/netns/default nsfs rw 0 0\nx /l/run\\040old x rw 0 0\nx /l/running x rw 0 0\nx /l/run x rw 0 0\n"
    )
    assert engine.mounts_below(table, Path("/l/run")) == [Path("/l/run/netns/default"), Path("/l/run")]
    assert engine.mounts_below(table, Path("/l/run old")) == [Path("/l/run old")]


def test_loop_devices_are_read_with_the_file_system_behind_them() -> None:
    text = json.dumps(
        {
            "loopdevices": [
                {"name": "/dev/loop0", "back-maj:min": "  254:0 ", "back-file": "/a b"},
                {"name": "/dev/loop1", "back-maj:min": "7:0", "back-file": "/c (deleted)"},
            ]
        }
    )
    assert volume_store.parse_losetup(text) == [
        volume_store.LoopDevice("/dev/loop0", "254:0", "/a b", False),
        volume_store.LoopDevice("/dev/loop1", "7:0", "/c", True),
    ]
    assert volume_store.parse_losetup("") == []


def test_exports_keep_the_shells_own_path() -> None:
    lines = environment.exports({"PATH": "/it's mine/bin:/usr/bin", "A": "b c"}, "/usr/bin")
    assert lines.splitlines() == ["""export PATH='/it'"'"'s mine/bin:'"$PATH\"""", "export A='b c'"]
