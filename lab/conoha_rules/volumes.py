"""Volumes: a list of types and sizes, for life; one snapshot for a day.

Source: OpenAPI (`/v3/{project}/volumes`, `/snapshots`), where not said otherwise.
"""

import re

from conoha import volumes
from lab.conoha_rules.image_capacity import snapshot_fits
from lab.conoha_rules.rule import Call, Facts, Refusal, Rule, Volume

TYPES = {kind.name: kind for kind in (volumes.BOOT, volumes.DATA)}
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
MOST_SPARE_BOOT_VOLUMES = 2
LARGEST_IMAGE = 1000
"""GB. Volumes of 1 TB and more are not saved as an image."""


def listed_types(call: Call, facts: Facts) -> Refusal | Call:
    """`c3j1-ds02-boot` or `c3j1-ds02-add`, by name or id. Without one ConoHa takes its default.

    UNCONFIRMED (default-volume-type): which one that is. Here: boot with an image, additional without.
    """
    wanted = call.part("volume")
    kind = wanted.get("volume_type")
    if not kind:
        implied = volumes.BOOT if wanted.get("imageRef") else volumes.DATA
        return call.with_part("volume", {"volume_type": implied.name})
    name = facts.volume_type(kind)
    if name in TYPES:
        return call.with_part("volume", {"volume_type": name})
    return Refusal(f"ConoHa has no volume type {kind!r}: there are {', '.join(TYPES)}")


def listed_sizes(call: Call, facts: Facts) -> Refusal | None:
    """Each type is sold in a few sizes."""
    wanted = call.part("volume")
    kind, size = TYPES[wanted["volume_type"]], wanted.get("size")
    if size is None and wanted.get("source_volid"):
        return None  # the source's, which is one of the list
    if size in kind.sizes:
        return None
    return Refusal(f"ConoHa sells {kind.name} of {', '.join(map(str, kind.sizes))} GB, not of {size}")


def no_volume_from_snapshot(call: Call, facts: Facts) -> Refusal | None:
    """`snapshot_id` is not in the request: a snapshot only takes its own volume back to where it was."""
    if not call.part("volume").get("snapshot_id"):
        return None
    return Refusal("ConoHa makes no volume from a snapshot: a snapshot only takes its own volume back (`revert`)")


def boot_volume_from_image(call: Call, facts: Facts) -> Refusal | None:
    """A boot volume needs `imageRef`, unless it is a copy; an additional volume takes only an image that was saved from
    one, which the lab has none of."""
    wanted = call.part("volume")
    boot = wanted.get("volume_type") == volumes.BOOT.name
    copied = wanted.get("source_volid") or wanted.get("backup_id")
    if boot and not wanted.get("imageRef") and not copied:
        return Refusal("ConoHa makes a boot volume from an image only: imageRef is missing")
    if not boot and wanted.get("imageRef"):
        return Refusal(f"ConoHa makes {volumes.DATA.name} only from an image that was saved from such a volume")
    return None


def copies_are_alike(call: Call, facts: Facts) -> Refusal | None:
    """A clone (`source_volid`) has its source's size and type.

    UNCONFIRMED (clone-in-use): whether a volume that is in use can be cloned. Here: not while its server runs.
    """
    wanted = call.part("volume")
    source = facts.volume(wanted["source_volid"]) if wanted.get("source_volid") else None
    if source is None:
        return None
    if wanted["volume_type"] != source.type or (wanted.get("size") or source.size) != source.size:
        return Refusal(f"ConoHa clones a volume with the same size and type only: {source.size} GB, {source.type}")
    return used_by_running_server(source, facts, "clones")


def from_backup(call: Call, facts: Facts) -> Refusal | Call | None:
    """A volume from a backup (`backup_id`) has the type of the backup's volume and is not smaller. Cinder knows
    `backup_id` from microversion 3.47 on.

    UNCONFIRMED (backup-id-microversion): that ConoHa takes it with and without a microversion. Here: both.
    """
    wanted = call.part("volume")
    if not wanted.get("backup_id"):
        return None
    backup = facts.backup(wanted["backup_id"])
    if backup is None:
        return Refusal(f"there is no backup {wanted['backup_id']}", 404)
    size = wanted.get("size") or 0
    if wanted["volume_type"] != backup.type or not volumes.size_fits_origin("backup", size, backup.size):
        return Refusal(f"ConoHa makes {backup.type} of {backup.size} GB or more from this backup, nothing else")
    return call.with_volume_api(47)


def two_spare_boot_volumes(call: Call, facts: Facts) -> Refusal | None:
    """At most two boot volumes that are attached to no server. What deleted servers leave behind counts (field:
    crowdy/conoha-cli 54db033: a 400 about the limit)."""
    if call.part("volume").get("volume_type") != volumes.BOOT.name:
        return None
    spare = [one for one in facts.volumes() if one.type == volumes.BOOT.name and not one.servers]
    if len(spare) < MOST_SPARE_BOOT_VOLUMES:
        return None
    ids = ", ".join(one.id for one in spare)
    return Refusal(f"ConoHa allows {MOST_SPARE_BOOT_VOLUMES} unattached boot volumes: delete or attach one of {ids}")


def volume_name(call: Call, facts: Facts) -> Refusal | None:
    """Names of volumes are of a limited alphabet (GMO's skill)."""
    name = call.part("volume").get("name")
    if name is None or NAME.fullmatch(str(name)):
        return None
    return Refusal(f"ConoHa refuses the volume name {name!r}: 1 to 255 of A-Z a-z 0-9 _ -")


def rename_only(call: Call, facts: Facts) -> Refusal | None:
    """PUT changes name and description; a volume keeps size and type for life."""
    others = sorted(set(call.part("volume")) - {"name", "description"})
    return Refusal(f"ConoHa changes only a volume's name and description, not {', '.join(others)}") if others else None


def listed_actions_only(call: Call, facts: Facts) -> Refusal | None:
    """Saving as an image and going back to a snapshot. No extend, no retype, no transfer."""
    action = next(iter(call.body), "")
    if action in ("os-volume_upload_image", "revert"):
        return None
    return Refusal(f"ConoHa has no volume action {action!r}: a volume keeps its size and type")


def used_by_running_server(volume: Volume, facts: Facts, what: str) -> Refusal | None:
    """A refusal if one of the volume's servers is not stopped, or something is being done with the volume."""
    if volume.status not in ("available", "in-use"):
        return Refusal(f"ConoHa {what} a volume that is left alone, and this one is {volume.status}", 409)
    for server in filter(None, map(facts.server, volume.servers)):
        if not server.stopped:
            return Refusal(f"ConoHa {what} a volume of stopped servers only, and {server.id} is {server.status}", 409)
    return None


def save_as_image(call: Call, facts: Facts) -> Refusal | None:
    """With `image_name` only, under 1 TB, and while the server is stopped."""
    wanted = call.part("os-volume_upload_image")
    volume = facts.volume(call.ids["volume"])
    if not wanted or volume is None:
        return None
    if set(wanted) != {"image_name"}:
        return Refusal("ConoHa takes image_name only when a volume is saved as an image")
    if volume.size >= LARGEST_IMAGE:
        return Refusal(f"ConoHa saves volumes under {LARGEST_IMAGE} GB as an image")
    return used_by_running_server(volume, facts, "saves")


def revert_while_stopped(call: Call, facts: Facts) -> Refusal | Call | None:
    """Going back to a snapshot needs a stopped server. (Cinder knows `revert` from microversion 3.40 on.)"""
    volume = facts.volume(call.ids["volume"])
    if "revert" not in call.body or volume is None:
        return None
    return used_by_running_server(volume, facts, "takes back") or call.with_volume_api(40)


def one_snapshot(call: Call, facts: Facts) -> Refusal | None:
    """Only one snapshot can exist, for 24 hours.

    UNCONFIRMED (one-snapshot): one for each volume, or one for the account. Here: for the account.
    """
    have = facts.snapshots()
    return Refusal(f"ConoHa allows one snapshot at a time, and there is {have[0]}", 409) if have else None


def snapshot_while_stopped(call: Call, facts: Facts) -> Refusal | Call | None:
    """A snapshot of a volume that is attached. Cinder wants to be told to (`force`), ConoHa has no such word.

    UNCONFIRMED (snapshot-in-use): whether it is taken while the server runs. Here: not.
    """
    volume = facts.volume(call.part("snapshot").get("volume_id", ""))
    if volume is None:
        return None
    return used_by_running_server(volume, facts, "takes a snapshot of") or call.with_part("snapshot", {"force": True})


def no_such_call(call: Call, facts: Facts) -> Refusal:
    """Cinder's other ways to the same ends are not there."""
    return Refusal(f"ConoHa's block storage API has no {call.method} {call.path}", 404)


RULES = (
    Rule("POST", "/volumes", listed_types),
    Rule("POST", "/volumes", no_volume_from_snapshot),
    Rule("POST", "/volumes", listed_sizes),
    Rule("POST", "/volumes", boot_volume_from_image),
    Rule("POST", "/volumes", copies_are_alike),
    Rule("POST", "/volumes", from_backup),
    Rule("POST", "/volumes", two_spare_boot_volumes),
    Rule("POST PUT", "/volumes(/[^/]+)?", volume_name),
    Rule("PUT", "/volumes/{volume}", rename_only),
    Rule("POST", "/volumes/{volume}/action", listed_actions_only),
    Rule("POST", "/volumes/{volume}/action", save_as_image),
    Rule("POST", "/volumes/{volume}/action", revert_while_stopped),
    Rule("POST PUT DELETE", "/volumes/{volume}/(metadata|encryption).*", no_such_call),
    Rule("POST", "/snapshots", one_snapshot),
    Rule("POST", "/snapshots", snapshot_while_stopped),
    Rule("POST", "/snapshots", snapshot_fits),
    Rule("PUT", "/snapshots/**", no_such_call),
    Rule("*", "/volume-transfers/**", no_such_call),
    Rule("*", "/os-volume-transfer/**", no_such_call),
    Rule("*", "/attachments/**", no_such_call),
    Rule("*", "/groups/**", no_such_call),
    Rule("*", "/consistencygroups/**", no_such_call),
    Rule("*", "/group_snapshots/**", no_such_call),
)
