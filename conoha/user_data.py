"""What ConoHa takes as a server's user_data.

Sources: https://doc.conoha.jp/api-vps3/compute-create_vm-v3/ (16 KiB before encoding, the first lines) and
github.com/135yshr/orenovpn `docs/TROUBLESHOOTING.md` (the limit hit on the encoded size, gzip refused), both read
2026-11-24. They disagree about which size counts, hence the safe limit: 12 KiB of text are 16 KiB in base64.
"""

SAFE_LIMIT = 12 * 1024
"""Bytes of text that fit under both readings of ConoHa's 16 KiB."""

FIRST_LINES = ("#!", "#cloud-config", "#cloud-boothook", "#include", "#include-once")
"""How the first line may begin. A MIME multipart header is not among them."""


def problem(text: str) -> str | None:
    """Why ConoHa would refuse `text` as user_data, or None if it takes it."""
    size = len(text.encode())
    if size > SAFE_LIMIT:
        return f"user_data has {size} bytes, and ConoHa's limit (16 KiB, perhaps after base64) leaves {SAFE_LIMIT}"
    first = text.split("\n", 1)[0].rstrip()
    if not (first.startswith("#!") or first in FIRST_LINES):
        return f"user_data begins with {first!r}, and ConoHa takes only {', '.join(FIRST_LINES)}"
    if "\0" in text:
        return "user_data holds a NUL byte, and ConoHa takes plain text only"
    return None
