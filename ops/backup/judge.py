"""What is wrong with a keeper, by what it holds, this machine's clock and the settings. Pure.

The keeper's own verdict is not asked for: a keeper whose clock stands still finds everything fresh.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from keeper.database import CLOCKS_MAY_DIFFER
from keeper.notes import iso
from keeper.status import DRILLS, FRESH, ROOM, drill_is_due, duration, first_run
from ops.backup import proof
from ops.backup.asking import Keeper, way_out
from ops.status.line import Line, well

Told = Mapping[str, Any]

HOLDS = {
    "wal": "newest commit",
    "full": "newest full backup",
    "files": "newest snapshot",
    "dump": "newest dump",
    "copy": "newest copy in object storage",
}
"""What there is of each kind, in the order in which one looks."""
BY_THE_MINUTE = ("mark", "archive")
"""Jobs that keep nothing of their own: only their failure shows."""


def silent_lines(error: str, keeper: Keeper) -> list[Line]:
    """Return the lines of a keeper that gives no answer."""
    text = f"{keeper.address} does not answer: {error}"
    return [Line("keeper", "bad", text, way_out(error, keeper)), Line("kept", "unknown", "nothing is known of it")]


def keeper_lines(told: Told, keeper: Keeper, now: float) -> list[Line]:
    """Return a line for each thing. `told` is what `toybox-keeper status --json` printed, `now` this machine's clock
    then, in seconds since 1970."""
    if "wal" not in told:  # it could look at nothing, and says why
        why = told.get("error") or next(iter(told.get("problems") or ()), "it says nothing of what it keeps")
        return [Line("keeper", "bad", " ".join(str(why).split()), f"{keeper.ssh} toybox-keeper status")]
    record = proof.proved_or_none(told.get("drill", {}).get("signed"), keeper, "drill", now)
    lines = [
        whose_line(told, keeper),
        clock_line(float(told["now"]), keeper, now),
        *(first_line(kind, told) or kept_line(kind, told[kind], keeper, now, record) for kind in HOLDS),
        *(drill_line(kind, told, keeper, now) for kind in DRILLS if kind == "drill" or told.get(kind)),
        *vanished_lines(told.get("vanished", ()), keeper),
        *wanted_lines(told.get("wanted"), keeper),
        *(line for kind in BY_THE_MINUTE if (line := failure_line(kind, told[kind], keeper))),
        units_line(told["units"], keeper),
        disk_line(told["disk"], keeper),
    ]
    if well(lines):  # what it finds wrong itself is not lost on the way
        return [
            *lines,
            *(Line("keeper", "bad", each, f"{keeper.ssh} toybox-keeper status") for each in told["problems"]),
        ]
    return lines


def vanished_lines(segments: Sequence[str], keeper: Keeper) -> list[Line]:
    """Return a line for each segment of WAL that is gone. No other fault may hide it."""
    lost = "was received and is gone, and with it the seconds after it"
    return [Line("wal", "bad", f"segment {name} {lost}", f"{keeper.ssh} toybox-keeper list") for name in segments]


def whose_line(told: Told, keeper: Keeper) -> Line:
    """Return whether it keeps the stack that the settings say, and nothing else's is on its disk."""
    others = {str(name) for name in (told["source"], told["kept_source"]) if name} - {keeper.keeps}
    if others:
        text = f"it keeps {' and '.join(sorted(others))}, and the settings say {keeper.keeps}"
        return Line("keeper", "bad", text, f"pulumi preview --stack {keeper.stack.name}")
    cluster = told.get("system_identifier")
    known = f", database cluster {cluster}" if cluster else ""
    return Line("keeper", "good", f"it answers and keeps {keeper.keeps}{known}")


def clock_line(theirs: float, keeper: Keeper, now: float) -> Line:
    """Return whether the keeper's clock and this machine's are close enough to judge ages by."""
    off = theirs - now
    if abs(off) <= CLOCKS_MAY_DIFFER:
        return Line("clock", "good", f"the keeper's is {abs(off):.0f} s off this machine's")
    side = "ahead of" if off > 0 else "behind"
    text = f"the keeper's is {duration(abs(off))} {side} this machine's. One of them is wrong, and no age is certain"
    return Line("clock", "bad", text, f"{keeper.ssh} timedatectl; date --utc")


def first_line(kind: str, told: Told) -> Line | None:
    """Return the line of a kind whose first run is under way, on a new keeper. It is red only after FIRST_RUN."""
    since = first_run(told, kind) if told[kind] else None
    if since is None or told[kind].get("failed"):
        return None
    of = "the first full backup" if kind == "wal" else "the first run"
    return Line(kind, "unknown", f"{of} is under way, for {duration(since)}")


def kept_line(kind: str, told: Told | None, keeper: Keeper, now: float, record: Told | None = None) -> Line:
    """Return whether the newest of a kind is there, fresh, and the last that was tried. `record` is the drill's. Only a
    copy may be declared or not."""
    if told is None:
        return Line(kind, "off", "none is declared (toybox:copy): what burns with the keeper is gone")
    what = HOLDS[kind]
    command = mend(kind, keeper)
    if failed := failure_line(kind, told, keeper):
        return failed
    newest = told["newest"]
    if newest is None:
        return Line(kind, "bad", "nothing is kept yet", command)
    age = now - float(newest)
    if age < -CLOCKS_MAY_DIFFER:
        return Line(kind, "bad", f"the {what} is {duration(-age)} in the future: a clock was wrong", command)
    if age > FRESH[kind]:
        return Line(kind, "bad", f"the {what} is {duration(age)} old, and may be {duration(FRESH[kind])}", command)
    identifier = str((told.get("last_success") or {}).get(proof.OF.get(kind, ""), ""))
    verdict = "verified" if proof.names(record, kind, identifier) else "received, not verified"
    return Line(kind, "good", f"the {what} is {duration(max(age, 0))} old: {verdict}")


def drill_line(kind: str, told: Told, keeper: Keeper, now: float) -> Line:
    """Return whether a drill has restored what is kept, lately, by a record that the machine signed."""
    command = mend(kind, keeper)
    if kind not in told:
        text = "the keeper's program is older than this checkout, and knows no drill"
        return Line(kind, "bad", text, f"pulumi up --stack {keeper.stack.name}")
    if failed := failure_line(kind, told[kind], keeper):
        return failed
    signed = told[kind].get("signed")
    if not signed:
        return no_drill_line(kind, told, command)
    try:
        record = proof.proved(signed, keeper, kind, now)
    except proof.UnprovedError as error:
        return Line(kind, "bad", f"the record of the last drill proves nothing: {error}", command)
    age = now - float(record["started_at"])
    if age > FRESH[kind]:
        text = f"the last drill was {duration(age)} ago, and may be {duration(FRESH[kind])}"
        return Line(kind, "bad", text, command)
    started = ", and TOYBOX started on it" if record.get("image") else ""
    took = f"{duration(max(age, 0))} ago, in {record['rto_seconds']:.0f} s"
    return Line(kind, "good", f"{record['second']} was restored {took}{started}: verified")


def no_drill_line(kind: str, told: Told, command: str) -> Line:
    """Return the line of a keeper without a drill: no backup is verified. A new keeper has a day for its first one."""
    if kind in told.get("running", {}):
        return Line(kind, "unknown", "the first drill is under way")
    if drill_is_due(told):
        return Line(kind, "bad", "there was no drill yet: nothing that is kept was ever restored", command)
    first = told[kind].get("next")
    return Line(kind, "unknown", f"no drill yet, the first runs {f'on {iso(first)}' if first else 'within a day'}")


def failure_line(kind: str, told: Told, keeper: Keeper) -> Line | None:
    """Return the line of a job whose last run failed."""
    failed = told.get("failed")
    if not failed:
        return None
    text = f"the last run failed ({failed['started']}): {str(failed['why']).splitlines()[0]}"
    return Line(kind, "bad", text, mend(kind, keeper))


def mend(kind: str, keeper: Keeper) -> str:
    """Return the next command to type where a kind is red. WAL has no job: it flows, or does not."""
    if kind == "wal":
        return f'{keeper.ssh} "systemctl status toybox-keeper-tunnel toybox-keeper-wal"'
    if kind in DRILLS:
        return f"toybox drill{' --from copy' if kind == 'drill-copy' else ''} --stack {keeper.stack.name}"
    return f"toybox backup run {kind} --stack {keeper.stack.name}"


def wanted_lines(wanted: Told | None, keeper: Keeper) -> list[Line]:
    """Return the line of a keeper whose WAL has a hole: without a new full backup, nothing after it can be had."""
    if not wanted:
        return []
    text = f"a new one is wanted since {wanted['since']}: {str(wanted['why']).splitlines()[0]}"
    return [Line("full", "bad", text, mend("full", keeper))]


def units_line(states: Mapping[str, str], keeper: Keeper) -> Line:
    """Return whether the tunnel, the receiver and all timers are at work."""
    wrong = {unit: state for unit, state in states.items() if state != "active"}
    if wrong:
        text = ", ".join(f"{unit} is {state}" for unit, state in sorted(wrong.items()))
        return Line("units", "bad", text, f'{keeper.ssh} "systemctl status {" ".join(sorted(wrong))}"')
    return Line("units", "good", f"all {len(states)} are active")


def disk_line(disk: Mapping[str, int], keeper: Keeper) -> Line:
    """Return whether there is room left on the keeper's disk."""
    share = disk["free"] / disk["bytes"] if disk["bytes"] else 0.0
    text = f"{share:.0%} of the keeper's disk is free: {disk['free'] / 1e9:.1f} of {disk['bytes'] / 1e9:.1f} GB"
    if share < ROOM:
        return Line("disk", "bad", text, f'{keeper.ssh} "df -h /srv/toybox-keeper; du -xsh /srv/toybox-keeper/*"')
    return Line("disk", "good", text)
