"""Check the programs that would run on the server, or on the operator's machine: commands, and the files that they
bring. An `mkfs` or `rm -rf` would arrive in these.

A program that ran before in the same words, ids and images apart, is known to be harmless, and passes silently. Other
words for one of the host bundle's own scripts are a note, and so are other lines in a file of a bundle. Everything else
is a finding: a new or changed free shell text, a file on the way to the data, a dangerous line. Dangerous lines delete,
format, mount or reach past the containers. The guard does not check again a program that is neither changed nor new.
"""

import base64
import difflib
import io
import json
import re
import shlex
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from host.look import LIBRARY, SECRETS
from ops.guard import declared
from ops.guard.command_words import DANGEROUS, shortened, sized
from ops.guard.finding import Finding, Rule
from ops.guard.preview import UNKNOWN, Change, Preview, State

RUN = Rule(
    "run",
    "A program that is not known to be harmless runs on the server or on the operator's machine.",
    "It reaches all data, and can read, change or delete it.",
)

TEXTS = ("create", "update", "delete", "dir", "interpreter", "environment", "archivePaths", "assetPaths")
"""Inputs of a command that decide which program runs. `stdin` may be a program, or files for one."""
SECRET = "[secret]"

NOTED = re.compile(
    r"(apply|run|stdin|root/etc/docker/daemon\.json|program/.*|root/usr/local/lib/toybox/(?!data[-_]disk|keeper_)[\w.-]+)$"
)
"""Files of a bundle whose changed lines are noted if none is dangerous: our scripts, and Docker's settings. All others
decide which disk is mounted where, who may log in, or which programs start by themselves. In these any change is a
finding."""
LAUNCHER = re.compile(
    r'umask 077; bundle=\$\(mktemp -d -p /run toybox\.XXXXXX\) && trap \'rm -rf "\$bundle"\' EXIT && '
    r'base64 -d \| tar -xf - --no-same-owner -p -C "\$bundle" && timeout \d+ bash (?P<command>.*)',
    re.DOTALL,
)
"""The command that unpacks and runs a bundle (components/host/commands.py; a test compares both)."""
FROM_BUNDLE = '"$bundle/'
VOLATILE = re.compile(r"[\w./:-]+@sha256:[0-9a-f]{64}|\bsha256:[0-9a-f]{64}\b|\b[0-9a-f]{12,64}\b")
"""Images and ids in a command. With another one the command runs again, and is the same program."""
NAMED_BY_VOLUME = re.compile(
    r"virtio-[0-9a-f-]{20}|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|[a-z0-9~-]+:[0-9a-f]{5}\b"
)
"""A data volume's id, its device on the server, and its file system's label (components/data_disk.py)."""
ESCAPED_DASH = r"\x2d"
"""The dash in the name of a device's unit."""
DISK = re.compile(r'"disk": \{[^{}]*\}')
"""The data disk in the parameters of staging's scrub (components/staging_scrub), with its volume's source."""
MOST_LINES = 6
"""Lines of one file in the report."""
MOST_SHOWN = 10
"""Lines of all files in the report."""


@dataclass(frozen=True)
class Difference:
    """A difference that would make another program.

    Attributes:
        where: the input or the file.
        lines: the new lines or words, or the reason.
        stops: whether it is a finding; else it is a note.
    """

    where: str
    lines: tuple[str, ...]
    stops: bool


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for a program that would run on the server and is not known to be harmless."""
    for change in _commands(preview):
        stops = [each for each in _differences(preview, change) if each.stops]
        if stops:
            yield _runs(change, stops)


def notes(preview: Preview) -> Iterator[str]:
    """Yield a note for a script of the host bundle that would run with other words, or has other lines."""
    for change in _commands(preview):
        told = [each for each in _differences(preview, change) if not each.stops]
        if told:
            what = "; ".join(f"{each.where} ({', '.join(each.lines)})" for each in told)
            yield f"{change.name} runs with changes: {what}."


def _commands(preview: Preview) -> list[Change]:
    """Return the commands that would run. A new stack has none that matter: its server is empty."""
    if preview.is_new:
        return []
    return [change for change in preview.changes if change.type.startswith("command:") and change.touched]


def _differences(preview: Preview, change: Change) -> Iterator[Difference]:
    if change.type not in declared.COMMANDS:
        yield Difference(change.type, ("a kind of command that the guard cannot read",), stops=True)
        return
    if (
        change.removed
        and change.old
        and change.old.inputs.get("delete")
        and change.qualified_type != declared.SUBSCRIPTION
    ):
        yield Difference("delete", (f"runs {change.old.inputs['delete']}",), stops=True)
    if change.new is None:
        return
    for name in TEXTS:
        before, after = (_text(state, name) for state in (change.before, change.new))
        if before != after and after is not None:
            yield from _text_differs(name, before, after)
    yield from _stdin(preview, change)


def _text(state: State | None, name: str) -> str | None:
    value = state.inputs.get(name) if state else None
    return value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True)


def _text_differs(name: str, before: str | None, after: str) -> Iterator[Difference]:
    if UNKNOWN in after:
        yield Difference(name, ("not known before the update",), stops=True)
        return
    ours = [_own_script(text) for text in (before, after)]
    if ours[1] is None or before is None:
        yield Difference(name, _added(before or "", after) or ("fewer lines than before",), stops=True)
        return
    new_words = [VOLATILE.sub("<id>", word) for word in ours[1]]
    old_words = [VOLATILE.sub("<id>", word) for word in ours[0] or ()]
    if new_words == old_words:
        return
    added = [word for word in new_words if word not in old_words]
    other_script = not ours[0] or new_words[0] != old_words[0]
    dangerous = [word for word in added if DANGEROUS.search(word) and SECRETS not in word]
    if dangerous or other_script or "data-disk" in new_words[0]:
        yield Difference(name, tuple(f"+ {word}" for word in (dangerous or new_words)[:MOST_LINES]), stops=True)
        return
    # The new flavor changes sizes.
    removed = [word for word in old_words if sized(word) not in map(sized, new_words)]
    added = [word for word in added if sized(word) not in map(sized, old_words)]
    words = [*(f"- {word}" for word in removed), *(f"+ {word}" for word in added)]
    if words or sorted(map(sized, new_words)) != sorted(map(sized, old_words)):
        yield Difference(new_words[0].rpartition("/")[2], tuple(map(shortened, words)) or ("more words",), stops=False)


def _own_script(text: str | None) -> list[str] | None:
    """Return the words of a command that runs one of the host bundle's scripts and nothing else; None for any other
    text."""
    if text is None:
        return None
    launched = LAUNCHER.fullmatch(text)
    if launched and launched["command"].startswith(FROM_BUNDLE):
        return _words(launched["command"].replace("$bundle", "bundle"))
    words = _words(launched["command"] if launched else text)
    if words and words[0] == "timeout" and len(words) > 2 and words[1].isdigit():
        words = words[2:]
    return words if words and words[0].startswith(f"{LIBRARY}/") and ".." not in words[0] else None


def _words(text: str) -> list[str] | None:
    """Return a text as the words of one simple command; None if a shell would do more than split it."""
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
        lexer.commenters = ""
        lexer.whitespace_split = True
        # outside of single quotes a shell would still replace these
        bare = re.sub(r"'[^']*'", "", text)
        words = list(lexer)
    except ValueError:
        return None
    if re.search(r"[`\n]|\$\(|\$\{", bare) or any(set(word) <= set("();<>|&") for word in words):
        return None
    return words


# What comes on standard input


def _stdin(preview: Preview, change: Change) -> Iterator[Difference]:
    before, after = (_text(state, "stdin") for state in (change.before, change.new))
    if after == UNKNOWN:
        if not _depends_on_another_volume(preview, change):
            yield Difference("stdin", ("not known before the update",), stops=True)
        else:
            yield Difference("stdin", ("names the new data volume, so it is not known before the update",), stops=False)
    elif SECRET in (before, after):
        yield from _secret_stdin(change)
    elif before != after and after is not None:
        old, new = _files(before or ""), _files(after)
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                yield _file_differs(preview, name, old.get(name, ""), new.get(name, ""))


def _secret_stdin(change: Change) -> Iterator[Difference]:
    """Yield a note for a secret input of an interpreter: a preview cannot show that program. Secret files for our own
    scripts are no programs."""
    if change.qualified_type == declared.SUBSCRIPTION:
        return
    text = str(change.new.inputs.get("create") if change.new else "")
    if _own_script(text) is None and (
        "stdin" in change.differs or "triggers" in change.changed_inputs() or not change.old
    ):
        yield Difference("stdin", ("a secret text that the preview does not show",), stops=False)


def _depends_on_another_volume(preview: Preview, change: Change) -> bool:
    """Return whether the input is unknown only because it names a data volume that does not exist yet. That volume has
    a finding."""
    sources = set((change.new.property_dependencies.get("stdin") or ()) if change.new else ())
    coming = {each.urn for each in declared.data_volumes(preview) if not each.stays}
    # the note of the volume's source is as new as the volume
    noted = {each.urn for each in preview.changes if each.qualified_type == declared.DATA_ORIGIN}
    return bool(sources & coming) and sources <= coming | noted


def _files(text: str) -> dict[str, str]:
    """Return the files of a packed bundle; a text that is no bundle is one file."""
    try:
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text, validate=True))) as archive:
            return {
                member.name: f"mode {member.mode:o}\n" + opened.read().decode(errors="replace")
                for member in archive.getmembers()
                if (opened := archive.extractfile(member))
            } | {
                member.name: f"-> {member.linkname}"
                for member in archive.getmembers()
                if member.issym() or member.islnk()
            }
    except (ValueError, tarfile.TarError):
        return {"stdin": text} if text else {}


def _file_differs(preview: Preview, name: str, before: str, after: str) -> Difference:
    another = _comes_with_a_volume(preview, before, after)
    if another and name.endswith("/parameters.json"):
        before, after = (DISK.sub("", text) for text in (before, after))
    lines = _added(before, after)
    dangerous = [line for line in lines if DANGEROUS.search(line)]
    noted = NOTED.match(name) is not None
    # disk.json has the volume's source
    same = name.endswith("disk.json") or _without_volume(before) == _without_volume(after)
    if another and same and (dangerous or not noted):
        return Difference(name, ("names the new data volume",), stops=False)
    stops = bool(dangerous) or not noted
    shown = (dangerous or lines or ["fewer lines than before"])[:MOST_LINES]
    if not stops:
        shown = [f"+{len(lines)} -{len(_added(after, before))} lines"]
    return Difference(name, tuple(shown), stops)


def _comes_with_a_volume(preview: Preview, before: str, after: str) -> bool:
    """Return whether the file would change with the data volume. Either one volume replaces another, which has a
    finding. Or an update ended after the volume came and before this file named it."""
    volumes = declared.data_volumes(preview)
    return not all(each.stays for each in volumes) or _names_first(volumes, before, after)


def _names_first(volumes: Iterable[Change], before: str, after: str) -> bool:
    """Return whether a file names an existing data volume, and named another one before. A device's name has 20
    characters of the id."""
    present = [each.old.id[:20] for each in volumes if each.stays and each.old]
    old, new = (text.replace(ESCAPED_DASH, "-") for text in (before, after))
    return any(volume in new and volume not in old for volume in present) and NAMED_BY_VOLUME.search(old) is not None


def _without_volume(text: str) -> str:
    return NAMED_BY_VOLUME.sub("", text.replace(ESCAPED_DASH, "-"))


def _added(before: str, after: str) -> tuple[str, ...]:
    """Return the new lines, without empty lines, comments and modes."""
    difference = difflib.ndiff(before.splitlines(), after.splitlines())
    lines = [line[2:].strip() for line in difference if line.startswith("+ ")]
    return tuple(line for line in lines if re.search(r"\w", line) and not re.match(r"#(?!!)|mode \d+$", line))


def _runs(change: Change, stops: list[Difference]) -> Finding:
    where = ", ".join(each.where.removeprefix("root") for each in stops)
    # show one line of each file before a second line of any
    lines = [each.lines[number] for number in range(MOST_LINES) for each in stops if number < len(each.lines)]
    more = f"; and {len(lines) - MOST_SHOWN} lines more" if len(lines) > MOST_SHOWN else ""
    shown = "; ".join(map(_quoted, lines[:MOST_SHOWN])) + more
    machine = "the operator's machine" if change.type.startswith("command:local:") else "the server, as root"
    new = "" if change.before else " It is new."
    return Finding(
        RUN,
        change.urn,
        f"Another program would run on {machine}: {where}.{new}",
        f"It reaches all data, and the guard does not know it to be harmless: {shown}.",
        "Read the lines in the pull request. If they are meant, say in an exception what they do to the data.",
    )


def _quoted(line: str, most: int = 120) -> str:
    return f"`{line if len(line) <= most else line[: most - 3] + '...'}`"
