"""Security group rules and the names that systemd and Docker give things."""

import ipaddress
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.data.data_volume import data_device
from components.host.bundle import (
    DISK_CHECK,
    mount_unit_name,
    render_disk_check_unit,
    render_mount_unit,
    systemd_escape,
)
from components.server import EVERYWHERE, ingress_rules
from inventory.volumes import MOUNT_POINT, VOLUMES

V4 = st.builds(
    lambda host, bits: ipaddress.ip_network((host, bits), strict=False), st.ip_addresses(v=4), st.integers(8, 32)
)
CIDRS = V4.map(str)


@given(st.lists(CIDRS, unique=True, max_size=10))
def test_ssh_is_for_operators_only_and_the_web_for_everybody(operators: list[str]) -> None:
    rules = ingress_rules(operators).values()
    assert sorted(cidr for port, cidr in rules if port == 22) == sorted(operators)
    assert {(port, cidr) for port, cidr in rules if port != 22} == {(port, EVERYWHERE) for port in (80, 443)}


@given(st.lists(CIDRS, unique=True, max_size=10), CIDRS)
def test_a_new_operator_renames_no_other_rule(operators: list[str], new: str) -> None:
    """A rule that is named by its place in a list would cut off everybody behind the one that is taken out."""
    before, after = ingress_rules(operators), ingress_rules([new, *operators])
    assert before.items() <= after.items()


@pytest.mark.skipif(not shutil.which("systemd-escape"), reason="there is no systemd on this machine")
def test_the_mount_units_name_is_systemds() -> None:
    """systemd ignores a mount unit whose name is not that of its path."""
    escaped = subprocess.run(
        ["systemd-escape", "--path", "--suffix=mount", MOUNT_POINT], capture_output=True, text=True, check=True
    )
    assert mount_unit_name() == escaped.stdout.strip()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd on this machine")
def test_systemd_takes_the_mount_unit(tmp_path: Path) -> None:
    """It ignores keys that it does not know, and says so only in its log."""
    unit = tmp_path / mount_unit_name()
    unit.write_text(render_mount_unit("3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_device_in_a_units_name_is_spelt_as_systemd_spells_it() -> None:
    """systemd-escape --path, run on Debian 12."""
    volume = "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"
    assert systemd_escape(data_device(volume)) == r"dev-disk-by\x2did-virtio\x2d3f2c8a0e\x2d9d41\x2d4f6e\x2d8"


def test_the_data_disks_file_system_is_checked_before_each_mount() -> None:
    """After a power cut the journal has to be brought in, and a damaged file system must not be mounted."""
    device = data_device("3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64")
    mount, check = render_mount_unit(device).splitlines(), render_disk_check_unit(device).splitlines()
    assert f"Requires={DISK_CHECK}" in mount
    assert f"After={DISK_CHECK}" in mount
    assert f"ExecStart=/sbin/e2fsck -p {device}" in check
    assert "RemainAfterExit=yes" not in check, "the next mount would not be checked"


def test_volumes_are_distinct_directories_below_the_mount_point() -> None:
    assert len({volume.name for volume in VOLUMES}) == len(VOLUMES)
    assert all(volume.device == f"{MOUNT_POINT}/{volume.name}" and "/" not in volume.name for volume in VOLUMES)
