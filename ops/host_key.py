"""`toybox rotate-host-key`: replace the SSH host key of the running server and of every later one.

The server's user_data has its host key, and cannot change. A change in the settings alone would reach no server, and
the next one would come up with the old key. So the command puts the key on the server over the connection that the old
key still authenticates. It also writes it into the user_data in the state, from which the next server is made.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import typer

from ops import OpsError, init
from ops.cloud import opened
from ops.keeper_stack import refuse_keeper
from ops.pulumi_cli import PulumiStack
from ops.stack_option import Stack
from ops.state.locks import refuse_if_locked

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""Marks a secret in an exported state (pulumi, sdk/go/common/resource/properties.go, SigKey and SecretSig)."""

INSTALL = (
    "set -e; umask 077; cd /etc/ssh; cat >host_key.new; ssh-keygen -y -f host_key.new >host_key.new.pub;"
    " mv host_key.new ssh_host_ed25519_key; mv host_key.new.pub ssh_host_ed25519_key.pub;"
    " sshd -t; systemctl reload-or-restart ssh"
)
"""The command that reads the key from standard input, on the server."""


HEAD = "#cloud-config\n"
"""user_data's first line; the rest is JSON (components/server/user_data.py)."""


def with_host_key(exported: str, private: str, public: str) -> str:
    """Return the state, exported in plain text, with another host key in its server's user_data. The inputs have the
    text, and the outputs its hash, as the provider writes it (compute_instance_v2, StateFunc: SHA-1 of the text)."""
    state = json.loads(exported)
    (server,) = [
        each
        for each in state["deployment"]["resources"]
        if each["urn"].endswith("::server-instance") and not each.get("delete")
    ]
    config = json.loads(json.loads(server["inputs"]["userData"]["plaintext"]).removeprefix(HEAD))
    config["ssh_keys"] = {"ed25519_private": private.strip() + "\n", "ed25519_public": public}
    user_data = HEAD + json.dumps(config, indent=1) + "\n"
    server["inputs"]["userData"] = _secret(user_data)
    server["outputs"]["userData"] = _secret(hashlib.sha1(user_data.encode(), usedforsecurity=False).hexdigest())
    return json.dumps(state)


def _secret(text: str) -> dict[str, Any]:
    return {**SECRET, "plaintext": json.dumps(text)}


def new_key(file: Path) -> str:
    """Return the key that an unfinished attempt has made, or a new one. It is kept there until the end."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as target:
            target.write(init.ed25519_key())
    return file.read_text()


def rotate(stack: PulumiStack) -> str:
    """Rotate the key. Return the checks at the end. Raise OpsError; a second run continues."""
    from settings import ssh_public_key

    refuse_if_locked(stack)
    address = str(stack.outputs()["address"])
    pending = stack.root / ".toybox" / stack.name / "host-key"
    began_before = pending.exists()
    key = new_key(pending)
    public = ssh_public_key(key)
    known_hosts = stack.root / ".toybox" / stack.name / "ssh" / "known_hosts"
    stack.close_connection(address)
    try:
        stack.on_server(address, INSTALL, stdin=key)
    except OpsError:
        if not began_before:
            pending.unlink()
            raise
    known_hosts.write_text(f"toybox-{stack.name} {public}\n")
    stack.close_connection(address)
    stack.on_server(address, "true")
    way_back = stack.keep_copy(stack.exported())
    stack.import_state(with_host_key(stack.exported_in_plain_text(), key, public))
    stack.store_secret("toybox:sshHostKey", key)
    pending.unlink()
    return (
        f"The server of {stack.name} ({address}) shows the new host key, {public}.\n"
        f"It is stored in {stack.settings_file}: commit that. Next: pulumi up --stack {stack.name}\n"
        f"The state from before: {way_back}"
    )


def command(stack: Stack) -> None:
    """Give the stack's server another SSH host key, without a restart of anything but sshd.

    The key is put on the server, stored encrypted in the settings, and written into the state, from which the next
    server gets it.
    """
    chosen = opened(stack)
    refuse_keeper(chosen, "Its host key is the machine's own: change it there, then toybox:machine.hostKey.")
    typer.echo(rotate(chosen))
