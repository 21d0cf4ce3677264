"""Return the public half of an SSH key that the settings hold."""

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}"
AUTHORIZED_KEY = rf"^{PUBLIC_KEY}( [\w.@+-]+)?$"
"""The patterns of a public key and of a line of authorized_keys. Its options are refused: they could let in less, or
more, than a reader of the settings expects."""


def ssh_public_key(private: str) -> str:
    """The public half (`ssh-ed25519 AAAA...`, as authorized_keys and known_hosts have it) of an OpenSSH private key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    public = load_ssh_private_key(private.encode(), password=None).public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
