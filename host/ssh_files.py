"""The files with which `ssh` reaches a machine of a stack: our own key, and a host key that is ours and pinned."""

import os
from pathlib import Path

USER = "root"
"""ConoHa's images let root in by key, and only root; a member of the docker group would be root in all but name."""


def render_ssh_config(folder: str, host_alias: str) -> str:
    """The ssh_config(5) that the Docker provider's `ssh` reads; `folder` is relative to the project's folder."""
    return f"""\
# Written by the TOYBOX program at each run. Changes are lost.
Host *
  User {USER}
  IdentityFile {folder}/identity
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  HostKeyAlias {host_alias}
  HostKeyAlgorithms ssh-ed25519
  BatchMode yes
  ConnectTimeout 15
  ServerAliveInterval 15
  ServerAliveCountMax 4
  # One TCP connection and one handshake for the dozens of calls of an update.
  ControlMaster auto
  ControlPath {folder}/%C
  ControlPersist 10
"""


def write_ssh_config(stack: str, host_key: str, private_key: str, root: Path = Path()) -> str:
    """Write config, identity and known_hosts for `ssh` and return the config's path.

    The path is relative to the project's folder `root`, where the engine starts its plugins: it ends up in the
    provider's inputs, and an absolute one would differ from operator to operator.
    """
    folder = f".toybox/{stack}/ssh"
    alias = f"toybox-{stack}"
    (root / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in {
        "config": render_ssh_config(folder, alias),
        "known_hosts": f"{alias} {host_key}\n",
        "identity": private_key.rstrip("\n") + "\n",
    }.items():
        write_private_file(root / folder / name, text)
    return f"{folder}/config"


def write_private_file(path: Path, text: str) -> None:
    """Put `text` into `path`, readable by its owner only, with no moment at which it is half written or readable."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with open(
        os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        "w",
        encoding="utf-8",
    ) as file:
        file.write(text)
    new.replace(path)
