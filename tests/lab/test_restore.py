"""Files of the keeper's back in the running site: with their bytes, owners and modes, and nothing written over."""

import hashlib

import pytest

from tests.lab.keeper import Keeper
from tests.lab.toybox import Toybox
from tests.procedure import Procedures

MEDIA = "/srv/toybox/media"


def upload(prod: Toybox) -> str:
    """The path of a file in the volume that the site serves."""
    return prod.ssh(f"cd {MEDIA} && find images -type f | sort | head -n 1").strip()


@pytest.mark.documented("docs/disaster-recovery.md#files-were-deleted-or-changed")
def test_uploads_come_back_as_they_were_and_what_is_there_is_kept(
    keeper: Keeper, prod: Toybox, procedure: Procedures
) -> None:
    """A single one that was replaced, then all of them."""
    keeper.backed_up("files")
    code, listed = keeper.run("list")
    assert code == 0
    moment, path = listed["files"][0]["of"], upload(prod)
    served = prod.browser().get(f"/media/{path}")
    assert served.status_code == 200
    look = f"stat -c '%a %u %g' {MEDIA}/{path}"
    was, expected = prod.ssh(look), prod.fingerprint()["media"]
    prod.ssh(f"echo another picture > {MEDIA}/{path} && chown 0:0 {MEDIA}/{path} && chmod 600 {MEDIA}/{path}")

    steps = procedure(prod.shell())
    command = f"toybox restore files media {path} --at {moment}"
    code, said = steps.shell.run(command, "staging\n")
    assert code != 0
    assert "Nothing was changed" in said
    assert listed["files"][0]["id"] in steps.run("toybox backup list", values={"<path>": path})
    printed = steps.run("toybox restore files media <path>", values={"<path>": path, "<time>": moment}, stdin="prod\n")
    again = prod.browser().get(f"/media/{path}")
    assert hashlib.sha256(again.content).digest() == hashlib.sha256(served.content).digest()
    assert prod.ssh(look) == was
    kept = printed.split("what was there is kept: ")[1].split()[0]
    assert prod.ssh(f"cat {kept}") == "another picture\n"
    code, said = steps.shell.run(command)
    assert (code, "Nothing was changed." in said) == (0, True), said
    prod.ssh(f"rm {kept}")

    prod.ssh(f"rm -r {MEDIA}/images && echo mine > {MEDIA}/thumbnails/new")
    printed = steps.run(values={"<time>": moment}, stdin="prod\n")
    assert prod.fingerprint()["media"] == expected
    kept = printed.split("what was there is kept: ")[1].split()[0]
    assert kept.startswith(f"{MEDIA}.before-")
    assert prod.ssh(f"cat {kept}/thumbnails/new") == "mine\n"
    assert prod.ssh(f"ls -A {kept}").split() == ["thumbnails"]
    assert prod.browser().get(f"/media/{path}").content == served.content
    prod.ssh(f"rm -r {kept}")
    assert keeper.ssh("ls /srv/toybox-keeper/restored") == ""
