"""Another host key in the state: the next server is made from it."""

import hashlib
import json
from pathlib import Path

from components.server.user_data import render_user_data
from ops.host_key import SECRET, new_key, with_host_key


def state(user_data: str) -> dict[str, object]:
    """A state in plain text."""
    inputs = {"name": "a", "userData": {**SECRET, "plaintext": json.dumps(user_data)}}
    resources = [
        {"urn": "urn:pulumi:prod::toybox::x::data-volume", "inputs": {"size": 200}, "outputs": {}},
        {"urn": "urn:pulumi:prod::toybox::x::server-instance", "inputs": inputs, "outputs": {"name": "a"}},
    ]
    return {"deployment": {"resources": resources}}


def test_the_state_is_what_it_would_be_had_the_server_been_made_with_the_new_key() -> None:
    """The text among the inputs, the provider's hash of it among the outputs, both as secrets."""
    old = render_user_data(host_private_key="old\n", host_public_key="ssh-ed25519 OLD")
    new = render_user_data(host_private_key="new\n", host_public_key="ssh-ed25519 NEW")
    expected = state(new)
    digest = hashlib.sha1(new.encode(), usedforsecurity=False).hexdigest()
    expected["deployment"]["resources"][1]["outputs"]["userData"] = {  # type: ignore[index]
        **SECRET,
        "plaintext": json.dumps(digest),
    }
    assert json.loads(with_host_key(json.dumps(state(old)), "new", "ssh-ed25519 NEW")) == expected


def test_an_attempt_that_did_not_come_to_its_end_goes_on_with_its_own_key(tmp_path: Path) -> None:
    """The server may show it already: a second new one would lock everybody out."""
    file = tmp_path / "prod" / "host-key"
    first = new_key(file)
    assert new_key(file) == first
    assert file.stat().st_mode & 0o777 == 0o600
