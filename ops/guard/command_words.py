"""Judge and show the words of commands: dangerous ones, and sizes. Pure."""

import re

DANGEROUS = re.compile(
    r"""
    \b(mkfs|mke2fs|wipefs|blkdiscard|shred|sgdisk|sfdisk|fdisk|parted|e2label|tune2fs|resize2fs|debugfs|fsck|e2fsck
      |mkswap|cryptsetup|losetup|lvremove|vgremove|pvremove|umount|pivot_root|chattr|truncate|fallocate|rsync)\b
    | \bdd\b .* \bof= | \brm\b \s+ (-\w*[rR]|--recursive) | \bfind\b .* (-delete|-exec) | \bxargs\b
    | \bmv\b | \bmount\b | \b(chown|chmod)\b .* -\w*R | >\s*/(dev|srv)/
    | \bdocker\b .* \b(rm|prune|kill|stop|down)\b | --volumes-from | --privileged | docker\.sock
    | \b(dropdb|initdb|pg_resetwal|pg_ctl|pg_restore)\b | \b(DROP|TRUNCATE|DELETE\s+FROM|ALTER\s+SYSTEM)\b
    | \b(FLUSHALL|FLUSHDB)\b | rmtree | \bos\.(remove|unlink|rename|system|popen)\b | \bunlink\b
    | \b(iptables|ip6tables|nft|ufw)\b | \bsnap\b | \bapt(-get)?\b .* \b(remove|purge|autoremove)\b
    | \bsystemctl\b .* \b(mask|disable)\b | \b(eval|exec)\b .* (base64|curl|wget) | \b(curl|wget)\b
    | base64\s+(-d|--decode) .* \|\s*(ba|da)?sh | /srv/toybox | /dev/(sd|vd|nvme|disk|mapper) | /var/lib/docker
    | \btype=(volume|bind) | \bDefaultDependencies=no | data-root
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Words that delete, format, mount, move, or name the places of the data. No such list is complete. So a text that is
not one of our scripts is a finding with any words."""


def sized(word: str) -> str:
    """Return a word with zeros for its numbers."""
    return re.sub(r"\d+", "0", word)


def shortened(word: str, most: int = 60) -> str:
    """Return a word of a command, shortened for a message: a script is one word, too."""
    word = " ".join(word.split())
    return word if len(word) <= most else word[: most - 3] + "..."
