"""The answers of `toybox-keeper` for people. Pure."""

from collections.abc import Mapping
from typing import Any

from keeper import status


def text(command: str, told: Mapping[str, Any]) -> str:
    """Return the answer to `command` as lines."""
    match command:
        case "list" | "restore-copy":
            return listed(told)
        case "status":
            return state(told)
        case "run" | "drill":
            return run(told)
        case _:
            return "\n".join(f"{name}: {value}" for name, value in told.items())


def megabytes(size: float) -> str:
    """Return a size in MB."""
    return f"{size / 1e6:,.1f} MB"


def listed(told: Mapping[str, Any]) -> str:
    """Return what can be restored, as a table."""
    lines = [f"copy   {each['id']:<24} {each['of']}" for each in told.get("copies", ())]
    lines += [f"Stack {told['source']}: any second from {told['from'] or '-'} to {told['to'] or '-'}"]
    lines += [f"  but none from {hole['from']} to {hole['to'] or 'now'}: WAL is missing" for hole in told["holes"]]
    lines.append("")
    for backup in told["full"]:
        mark = "  verified" if backup["verified"] else ""
        size = megabytes(backup["bytes"] + backup["wal_bytes"])
        lines.append(f"full   {backup['id']:<24} {backup['ended'] or backup['status']:<26} {size:>14}{mark}")
    for snapshot in told["files"]:
        lines.append(f"files  {snapshot['id']:<24} {snapshot['of']:<26}{'  verified' if snapshot['verified'] else ''}")
    for dump in told["dumps"]:
        mark = "  verified" if dump["verified"] else ""
        lines.append(f"dump   {dump['name']:<51} {megabytes(dump['bytes']):>14}{mark}")
    return "\n".join(lines)


def state(told: Mapping[str, Any]) -> str:
    """Return the status as lines, the problems last."""
    lines = []
    for kind in status.FRESH:
        if kind in told and told[kind] is None:
            lines.append(f"{kind:<6} none is declared")
            continue
        newest = told.get(kind, {}).get("newest")
        if newest is not None:
            lines.append(f"{kind:<6} {status.duration(max(told['now'] - newest, 0))} old")
    if "disk" in told:
        lines.append(f"disk   {megabytes(told['disk']['free'])} free of {megabytes(told['disk']['bytes'])}")
    lines += [f"WRONG  {problem}" for problem in told["problems"]] or ["All is well."]
    return "\n".join(lines)


def run(told: Mapping[str, Any]) -> str:
    """Return how a job ended."""
    if not told["ok"]:
        return f"{told['kind']} of {told['source']} FAILED after {told['seconds']:.1f} s"
    if told["kind"] in ("drill", "drill-copy"):
        return drill(told)
    what = told.get("backup") or told.get("snapshot") or told.get("dump") or told.get("newest_mark") or ""
    return f"{told['kind']} of {told['source']}: {what} in {told['seconds']:.1f} s"


def drill(told: Mapping[str, Any]) -> str:
    """Return what a drill proved, in words."""
    files = sum(each["files"] for each in told["files"].values())
    undecided = f" ({told['rows_undecided']} of the second's cannot be decided)" if told["rows_undecided"] else ""
    return "\n".join(
        (
            f"{told['kind']} of {told['source']}: {told['second']} was restored from the {told['from']} in "
            f"{told['rto_seconds']:.1f} s, everything checked in {told['seconds']:.1f} s",
            f"  database  backup {told['backup']}, {sum(told['rows'].values()):,} rows in {len(told['rows'])} tables;"
            f" the mark of {told['mark_there']} is there, that of {told['mark_not_there']} is not",
            f"  files     snapshot {told['snapshot'][:8]}, {files:,} files; no row without its file{undecided}",
            f"  dump      {told['dump']}, all {sum(told['dump_rows'].values()):,} rows",
            # a record of before the image was started has none
            *([f"  image     {told['image']} starts on it, and passes its health check"] if told.get("image") else ()),
            *(f"  {seconds:8.1f} s  {step}" for step, seconds in told["steps"].items()),
        )
    )
