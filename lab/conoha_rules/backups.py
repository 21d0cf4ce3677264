"""The automatic backup: subscribed for a server, taken in the night, kept 14 to 30 times. Nothing on demand.

Source: OpenAPI (`/v3/{project}/backups`), where not said otherwise. What passes these rules and is not of Cinder is
answered by `automatic_backup`.
"""

from conoha import volumes
from conoha.backup_limits import FEWEST_KEPT, MOST_KEPT, NOT_OFFERED_WITH
from lab.conoha_rules.rule import Call, Facts, Refusal, Rule
from lab.conoha_rules.volumes import used_by_running_server


def nothing_on_demand(call: Call, facts: Facts) -> Refusal | None:
    """POST /backups subscribes a server. Stock Cinder's body (`volume_id`: back up this volume now) is refused.

    UNCONFIRMED (stock-backup-body): that ConoHa refuses it, and does not take it for a subscription that costs money.
    """
    wanted = call.part("backup")
    if wanted.get("instance_uuid"):
        return None
    return Refusal("ConoHa makes no backup on demand: POST /backups subscribes a server, and instance_uuid is missing")


def daily(call: Call, facts: Facts) -> Refusal | None:
    """There is one schedule, `daily`, which need not be said (OpenAPI 18c1bf3 removed `weekly`)."""
    schedule = call.part("backup").get("schedule", "daily")
    return None if schedule == "daily" else Refusal(f"ConoHa backs up daily only, not {schedule}")


def retention(call: Call, facts: Facts) -> Refusal | None:
    """14 to 30 are kept. 7 is not on offer."""
    wanted = call.part("backup").get("retention", FEWEST_KEPT)
    if isinstance(wanted, int) and FEWEST_KEPT <= wanted <= MOST_KEPT:
        return None
    return Refusal(f"ConoHa keeps {FEWEST_KEPT} to {MOST_KEPT} backups, not {wanted}")


def server_of_ours(call: Call, facts: Facts) -> Refusal | None:
    """The server must exist and be large enough: the 512 MB plan has no automatic backup."""
    wanted = call.part("backup").get("instance_uuid", "")
    server = facts.server(wanted)
    if server is None:
        return Refusal(f"there is no server {wanted}", 404)
    if server.flavor in NOT_OFFERED_WITH:
        return Refusal(f"ConoHa has no automatic backup for the plan {server.flavor}")
    return None


def subscribed_once(call: Call, facts: Facts) -> Refusal | None:
    """A server is subscribed once; the retention is changed with PUT.

    Nobody wrote down what ConoHa answers here, and to a change or cancellation without a subscription
    (conoha/automatic_backup.py). It is 409 and 404 here, as OpenStack would have it.
    """
    if not facts.subscribed(call.part("backup").get("instance_uuid", "")):
        return None
    return Refusal(
        "ConoHa has a subscription for this server already: change it with PUT /backups/{instance_uuid}", 409
    )


def subscribed(call: Call, facts: Facts) -> Refusal | None:
    """A change needs a subscription."""
    server = call.ids["server"]
    return None if facts.subscribed(server) else Refusal(f"ConoHa has no automatic backup for a server {server}", 404)


def no_single_delete(call: Call, facts: Facts) -> Refusal | None:
    """DELETE /backups/{id} cancels the subscription of a server; one backup cannot be deleted."""
    if facts.subscribed(call.ids["server"]):
        return None
    if facts.backup(call.ids["server"]) is not None:
        return Refusal("ConoHa deletes no single backup: DELETE /backups/{instance_uuid} cancels a subscription", 404)
    return subscribed(call, facts)


def restore_target(call: Call, facts: Facts) -> Refusal | None:
    """Into a boot volume while its server is stopped; into an additional volume while its server is stopped or it is
    detached. It need not be the volume that the backup is of.

    UNCONFIRMED (restore-size): which sizes fit. Here: the same size and type only.
    UNCONFIRMED (restore-spare-boot-volume): whether a boot volume without a server is a target. Here: not.
    """
    backup = facts.backup(call.ids["backup"])
    target = call.part("restore").get("volume_id", "")
    volume = facts.volume(target)
    if backup is None:
        return Refusal(f"there is no backup {call.ids['backup']}", 404)
    if volume is None:
        return Refusal(f"ConoHa restores into a volume that exists: there is no volume {target!r}", 404)
    if backup.status != "available":
        return Refusal(f"the backup is {backup.status}, and only an available one can be restored", 409)
    if (volume.type, volume.size) != (backup.type, backup.size):
        return Refusal(
            f"the backup is of {backup.size} GB of {backup.type}, and the volume has {volume.size} GB of {volume.type}"
        )
    if volume.type == volumes.BOOT.name and not volume.servers:
        return Refusal("ConoHa restores a boot volume while it is attached to a stopped server", 409)
    return used_by_running_server(volume, facts, "restores into")


def with_metadata(call: Call, facts: Facts) -> Call:
    """A backup always shows its metadata, `instance_uuid` and `is_boot_volume`
    (github.com/Aid-On/terraform-provider-conohavps `datasource/backups.go`); Cinder does from microversion 3.43 on."""
    return call.with_volume_api(43)


def no_such_call(call: Call, facts: Facts) -> Refusal:
    """Cinder's export, import, reset and force-delete are not there."""
    return Refusal(f"ConoHa's block storage API has no {call.method} {call.path}", 404)


RULES = (
    Rule("POST", "/backups", nothing_on_demand),
    Rule("POST", "/backups", daily),
    Rule("POST PUT", "/backups(/[^/]+)?", retention),
    Rule("POST", "/backups", server_of_ours),
    Rule("POST", "/backups", subscribed_once),
    Rule("PUT", "/backups/{server}", subscribed),
    Rule("DELETE", "/backups/{server}", no_single_delete),
    Rule("POST", "/backups/{backup}/restore", restore_target),
    Rule("GET", "/backups/**", with_metadata),
    Rule("POST", "/backups/{backup}/(action|import_record|export_record)", no_such_call),
    Rule("*", "/backups/{backup}/(import_record|export_record)", no_such_call),
)
