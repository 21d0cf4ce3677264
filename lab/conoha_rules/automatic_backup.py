"""The calls of the automatic backup that Cinder does not have, once the rules have let them pass.

Source: OpenAPI (`/v3/{project}/backups`). Answers: 201, 200, 204 and 202.
"""

from dataclasses import replace
from typing import Any

from conoha.backup_limits import FEWEST_KEPT
from lab.conoha_rules.book import Subscription
from lab.conoha_rules.cloud import Administrator, Cloud, ServiceError, lent, settled
from lab.conoha_rules.rule import Call, Volume, match

STATUS = "backup_status"
"""The server's metadata that shows a subscription (Aid-On `instance_autobackup.go`: "active" or the like while it is
subscribed). The retention is shown nowhere."""

Answer = tuple[int, Any]


def answer(call: Call, cloud: Cloud, administrator: Administrator) -> Answer | None:
    """Status and JSON for a call of the automatic backup; None for any other call."""
    for method, path, serve in (
        ("POST", "/backups", subscribe),
        ("PUT", "/backups/{server}", change),
        ("DELETE", "/backups/{server}", cancel),
        ("POST", "/backups/{backup}/restore", restore),
        ("POST", "/volumes/{volume}/action", revert),
    ):
        ids = match(method, path, call)
        if ids is not None:
            return serve(replace(call, ids=ids), cloud, administrator)
    return None


def shown(server: str, retention: int) -> dict[str, Any]:
    """A subscription, in an answer."""
    return {"backup": {"id": server, "instance_uuid": server, "retention": retention, "schedule": "daily"}}


def subscribe(call: Call, cloud: Cloud, administrator: Administrator) -> Answer:
    """From the next night on, the server's volumes are backed up."""
    wanted = call.part("backup")
    server, retention = wanted["instance_uuid"], wanted.get("retention", FEWEST_KEPT)
    found = cloud.server(server)
    if found is None:
        raise ServiceError("the server is gone")
    with cloud.book.changing() as state:
        state.subscriptions[server] = Subscription(found.project, retention)
    show_status(cloud, server, "active")
    return 201, shown(server, retention)


def change(call: Call, cloud: Cloud, administrator: Administrator) -> Answer:
    """Keep more or fewer."""
    server, retention = call.ids["server"], call.part("backup").get("retention", FEWEST_KEPT)
    with cloud.book.changing() as state:
        state.subscriptions[server].retention = retention
    return 200, shown(server, retention)


def cancel(call: Call, cloud: Cloud, administrator: Administrator) -> Answer:
    """No more backups; those that exist stay."""
    server = call.ids["server"]
    with cloud.book.changing() as state:
        state.subscriptions.pop(server, None)
    show_status(cloud, server, None)
    return 204, None


def show_status(cloud: Cloud, server: str, status: str | None) -> None:
    """Set or remove the server's metadata."""
    path = f"/v2.1/servers/{server}/metadata"
    if status is None:
        cloud.services.ask("DELETE", "compute", f"{path}/{STATUS}", cloud.token)
    else:
        cloud.services.ask("POST", "compute", path, cloud.token, {"metadata": {STATUS: status}})


def restore(call: Call, cloud: Cloud, administrator: Administrator) -> Answer:
    """Write a backup into a volume, which may be a stopped server's. It is done when the answer comes; ConoHa answers
    before that."""
    target = cloud.volume(call.part("restore")["volume_id"])
    if target is None:
        raise ServiceError("the volume is gone")
    return written(target, f"/v3/backups/{call.ids['backup']}/restore", call, cloud, administrator)


def revert(call: Call, cloud: Cloud, administrator: Administrator) -> Answer | None:
    """Take a volume back to its snapshot; it may be a stopped server's."""
    target = cloud.volume(call.ids["volume"])
    if "revert" not in call.body or target is None:
        return None
    return written(target, f"/v3/volumes/{target.id}/action", call, cloud, administrator)


def written(target: Volume, path: str, call: Call, cloud: Cloud, administrator: Administrator) -> Answer:
    """Pass on a call that writes into a volume, and wait until that is done."""
    with lent(target, cloud, administrator):
        done = cloud.services.ask("POST", "volume", path, cloud.token, call.body, "volume 3.67")
        if done[0] == 202:
            settled(cloud, target.id)
    return done
