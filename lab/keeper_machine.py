"""The keeper's machine: a system container at "another provider", one for each project of the lab that wants it.

No OpenStack project owns it, so an account that is lost takes no keeper with it. It has an address that Neutron never
gives out, a disk of its own, the root key that it was ordered with, and a host key that is known before it starts. What
keeps it a keeper is its stack's work (`pulumi up --stack keeper`), not the lab's.
"""

import io
import os
import shutil
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import engine, paths, registry
from lab.credentials import PEOPLE, TESTS, credentials, write_private
from lab.keeper_image import ensure_keeper_image
from lab.openstack import system_container
from lab.steps import LabError, run
from ops.init import ed25519_key
from settings import ssh_public_key

ADDRESSES = {project: str(engine.KEEPERS + number) for number, project in enumerate((PEOPLE, *TESTS))}
"""Each project's keeper's IPv4 address. Neutron's pool ends before the first (lab/cloud.py)."""

MEMORY = 1024
"""MiB."""
DISK_SIZE = 100 << 30
"""Bytes that the disk claims to have. Its file is sparse."""
HOST_KEY = "ssh_host_ed25519_key"
LOG = paths.LOG / "keeper.log"


@dataclass(frozen=True)
class KeeperMachine:
    """The keeper's machine of one project of the lab (a key of credentials.json)."""

    project: str

    @property
    def name(self) -> str:
        """The container's name."""
        return f"keeper-{self.project}"

    @property
    def address(self) -> str:
        """The machine's IPv4 address."""
        return ADDRESSES[self.project]

    @property
    def folder(self) -> Path:
        """Where the lab keeps what its provider would: the host key, and what its container sees as hardware."""
        return paths.KEEPERS / self.project

    @property
    def disk(self) -> Path:
        """The file behind its disk, where files can be cloned: a power cut needs that."""
        return paths.VOLUMES / self.name

    def host_key(self) -> str:
        """Return the public host key. The pair is made at the first call."""
        file = self.folder / HOST_KEY
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(file, ed25519_key())
        return ssh_public_key(file.read_text())

    def state(self) -> str:
        """Return Docker's word for the container's state, such as "running"; "" where there is none."""
        found = engine.ask(f"/containers/{self.name}/json")
        return str(found["State"]["Status"]) if found else ""

    def order(self, authorized_key: str) -> None:
        """Have the machine, with this public key as the only one that opens root's login, and start it.

        Raises:
            LabError: its image cannot be built, or a server has its address.
        """
        if not self.state():
            reserve(self.address)
            self._make()
        self._give_keys(authorized_key)
        self.start()

    def trust(self, authority: Path) -> None:
        """Have it trust this certificate authority: that of the lab's object storage, as a real one trusts the
        public ones."""
        there = "usr/local/share/ca-certificates/lab.crt"
        docker("cp", "-", f"{self.name}:/", data=archive({there: (authority.read_text(), 0o644)}))
        docker("exec", self.name, "update-ca-certificates")

    def start(self) -> None:
        """Start it, or let it go on where it is frozen, and wait until it lets somebody in.

        Raises:
            LabError: it does not within a minute.
        """
        match self.state():
            case "running":
                return
            case "paused":
                docker("unpause", self.name)
            case _:
                system_container.write_disks(self._hardware, {"vdb": (str(self.disk), self.name)}, _lock())
                docker("start", self.name)
        deadline = time.monotonic() + 60
        while not registry.listens(self.address, 22):
            if time.monotonic() > deadline:
                raise LabError(f"{self.address} does not let anybody in", then=f"docker logs {self.name}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Shut it down, as by its power button; after a minute without an end, cut its power."""
        if self.state() == "running" and not system_container.shut_down(self.name, 60):
            self.cut_power()

    def freeze(self) -> None:
        """Stop the time in it: its connections stay open, and nothing answers. `start` lets it go on."""
        docker("pause", self.name)

    @contextmanager
    def yielding(self) -> Iterator[None]:
        """For a while, let it have only the processor time that all others leave: a machine of its own, elsewhere,
        takes none from production's."""
        docker("update", "--cpu-shares", "2", self.name)
        try:
            yield
        finally:
            docker("update", "--cpu-shares", "1024", self.name)

    def cut_power(self) -> None:
        """End it as a power cut does: what was not written to its disk is lost."""
        system_container.cut_power(self.name, [str(self.disk)], _lock())

    def remove(self) -> None:
        """Take it away, with its disk and its host key. Without one, nothing happens."""
        if self.state():
            docker("rm", "--force", "--volumes", self.name)
        if self.disk.exists():
            system_container.detach_loop(str(self.disk), _lock())
            self.disk.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _hardware(self) -> str:
        return str(self.folder / "hardware")

    def _make(self) -> None:
        image = ensure_keeper_image()
        self.host_key()
        if not self.disk.exists():
            new = self.disk.with_name(f"{self.disk.name}.new")
            new.unlink(missing_ok=True)
            with new.open("wb") as file:
                os.truncate(file.fileno(), DISK_SIZE)
            # what is not written now is written when it is first used
            run("mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1", new, log=LOG)
            new.rename(self.disk)
        os.makedirs(self._hardware, exist_ok=True)
        options = system_container.options(
            network=engine.NETWORK, address=self.address, memory=MEMORY, hardware=self._hardware
        )
        labels = ("--label", engine.LABEL, "--label", f"{engine.KEEPER_LABEL}={self.project}")
        docker("create", "--name", self.name, "--hostname", "keeper", *labels, *options, image)

    def _give_keys(self, authorized_key: str) -> None:
        """Put the host key and the one key that opens root's login in their places, whether it runs or not."""
        public = self.host_key()
        files = {
            "etc/ssh/ssh_host_ed25519_key": ((self.folder / HOST_KEY).read_text(), 0o600),
            "etc/ssh/ssh_host_ed25519_key.pub": (f"{public}\n", 0o644),
            "root/.ssh/authorized_keys": (f"{authorized_key}\n", 0o600),
        }
        docker("cp", "-", f"{self.name}:/", data=archive(files))


def archive(files: Mapping[str, tuple[str, int]]) -> bytes:
    """Return a tar archive of {path: (text, mode)}, all of it root's."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for path, (text, mode) in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), mode
            packed.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def docker(*arguments: str, data: bytes | None = None) -> None:
    """Run a command of Docker's with `data` on its standard input.

    Raises:
        LabError: it fails.
    """
    try:
        system_container.run("docker", *arguments, data=data)
    except RuntimeError as error:
        raise LabError(str(error), LOG) from None


def reserve(address: str) -> None:
    """See to it that Neutron gives none of the keepers' addresses to a server.

    Raises:
        LabError: a server of a lab that an older version made has this one.
    """
    from lab import cloud  # OpenStack's SDK takes its time to load

    connection = cloud.administrator(credentials())
    cloud.external_network(connection)
    for port in connection.network.ports(fixed_ips=f"ip_address={address}"):
        raise LabError(
            f"server {port.device_id} has {address}, which is the keeper's: an older version made this lab",
            then="delete that server, or `make down`",
        )


def _lock() -> str:
    """The lock file for those who handle the keepers' loop devices."""
    paths.KEEPERS.mkdir(parents=True, exist_ok=True)
    return str(paths.KEEPERS / ".loop-lock")
