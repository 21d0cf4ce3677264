"""Signatures of records, by the machine's own host key, which the keeper's stack has pinned.

Only root reads that key. A drill asks for a signature by a file; systemd (toybox-keeper-sign.path) starts the signer.
"""

import tempfile
import time
from pathlib import Path

from keeper.places import Places
from keeper.programs import FailedError, run
from keeper.refusal import Refusal

NAMESPACE = "toybox-drill"
"""What the signature is for (ssh-keygen -Y): one that was made for something else is refused."""
PUBLIC_KEY = Path("/etc/ssh/ssh_host_ed25519_key.pub")
REQUEST = "to-sign"
"""The file in the keeper's RUN that the signer waits for. The answer lies beside it, as .sig."""
SIGNER = "keeper"


def is_signed(text: str, signature: str, public_key: str) -> bool:
    """Return whether the holder of `public_key` signed exactly this text as the record of a drill."""
    with tempfile.TemporaryDirectory(prefix="toybox-signature.") as folder:
        signers, signed = Path(folder, "signers"), Path(folder, "signature")
        signers.write_text(f'{SIGNER} namespaces="{NAMESPACE}" {public_key.strip()}\n')
        signed.write_text(signature)
        asking = ("ssh-keygen", "-Y", "verify", "-q", "-f", signers, "-I", SIGNER, "-n", NAMESPACE, "-s", signed)
        try:
            run(*asking, stdin=text)
        except FailedError:
            return False
    return True


def sign(places: Places, text: str, seconds: float = 60) -> str:
    """Return the machine's signature of `text`, which was checked. Raises Refusal."""
    request = places.run / REQUEST
    answer = request.with_name(f"{REQUEST}.sig")
    new = request.with_name(f"{REQUEST}.new")
    for left in (request, answer, new):  # of a drill that was killed
        left.unlink(missing_ok=True)
    new.write_text(text)
    new.rename(request)
    end = time.monotonic() + seconds
    while request.exists() and time.monotonic() < end:
        time.sleep(0.1)
    request.unlink(missing_ok=True)
    signature = answer.read_text() if answer.exists() else ""
    answer.unlink(missing_ok=True)
    if not is_signed(text, signature, PUBLIC_KEY.read_text()):
        raise Refusal(
            "The record of the drill is not signed.",
            "Without a signature of this machine's, a record may come from anywhere.",
            "`systemctl status toybox-keeper-sign.path toybox-keeper-sign.service`, on the keeper.",
        )
    return signature
