"""ConoHa's automatic backup: the calls that OpenStack does not have.

A server is subscribed, its volumes are backed up every night, and `retention` backups of each are kept. On Cinder's
paths these calls mean something else, so nothing here may be sent to another OpenStack.

Source: GMO's OpenAPI of 2026-07-01 (`/v3/{project}/backups`). `subscribe` and `cancel` go by what they want to reach
and not by one status code, because nobody wrote down what the API answers there:
UNCONFIRMED (subscribed-twice): to a second subscription.
UNCONFIRMED (change-without-subscription): to another number of backups for a server that is not subscribed.
UNCONFIRMED (cancel-without-server): to a cancellation for a server that is gone.

As a program (`python -m conoha.automatic_backup create|update|delete`) it does what the component SnapshotPolicy
declares. Account, password, server and retention come as JSON on standard input and nowhere else.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conoha import backup_limits

if TYPE_CHECKING:
    from openstack.connection import Connection
    from requests import Response


class RefusedError(Exception):
    """ConoHa said no. The text says to what, and what it answered; `way_out` what to do about it."""

    way_out = "check toybox:openstack and openstackPassword, then run `pulumi up` again."


class NoServerError(RefusedError):
    """There is no such server, so the state is wrong: an update that was killed deleted it, or somebody did."""

    way_out = (
        "let the server be made anew: `pulumi up --replace '**::server-boot-volume'` (docs/runbook.md, \"The server is "
        'gone or broken"). The data volume is kept.'
    )


@dataclass(frozen=True)
class AutomaticBackup:
    """The automatic backups of one account, over a connection that is logged in."""

    connection: "Connection"

    def subscribe(self, server: str, kept: int) -> str:
        """Let the server's volumes be backed up every night, with `kept` backups of each; says what it did.

        A server that is subscribed already gets the number changed.

        Raises:
            NoServerError: there is no such server.
            RefusedError: ConoHa refused it for another reason.
        """
        backup_limits.kept(kept)
        changed = self._call("PUT", f"/backups/{server}", {"backup": {"retention": kept}})
        if changed.status_code < 300:
            return f"server {server} is subscribed, and {kept} backups are kept"
        made = self._call("POST", "/backups", {"backup": {"instance_uuid": server, "retention": kept}})
        if made.status_code < 300:
            return f"server {server} was subscribed, and {kept} backups are kept"
        if self._gone(server):
            raise NoServerError(f"ConoHa has no server {server}: a killed update deleted it, or somebody did.")
        raise RefusedError(
            f"ConoHa did not subscribe server {server} to its automatic backup with {kept} backups: {said(made)} "
            f"(and to a change of a subscription: {said(changed)})"
        )

    def cancel(self, server: str) -> str:
        """End the subscription, if there is one. The backups that exist stay."""
        answer = self._call("DELETE", f"/backups/{server}")
        if answer.status_code < 300:
            return f"the subscription of server {server} was cancelled; its backups stay"
        if answer.status_code == 404 or self._gone(server):
            return f"server {server} has no subscription"
        raise RefusedError(f"ConoHa did not cancel the automatic backup of server {server}: {said(answer)}")

    def restore(self, backup: str, volume: str) -> None:
        """Write a backup over a volume, which is detached or whose server is stopped. ConoHa goes on in the
        background: the volume's status tells."""
        answer = self._call("POST", f"/backups/{backup}/restore", {"restore": {"volume_id": volume}})
        if answer.status_code >= 300:
            raise RefusedError(f"ConoHa did not restore backup {backup} into volume {volume}: {said(answer)}")

    def _gone(self, server: str) -> bool:
        return bool(self.connection.compute.get(f"/servers/{server}").status_code == 404)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> "Response":
        answer = self.connection.block_storage.request(path, method, json=body)
        if answer.status_code in (401, 403) or answer.status_code >= 500:
            raise RefusedError(f"ConoHa did not carry out {method} {path}: {said(answer)}")
        return answer


def said(answer: "Response") -> str:
    """An answer as it is quoted in a message: status and text, on one line."""
    text = " ".join(answer.text.split())
    return f"{answer.status_code} {text[:300]}".rstrip()


def run(verb: str, requested: Mapping[str, Any]) -> str:
    """Do what the component declares, and say what was done. Raises RefusedError, or what the login raises."""
    from conoha.login import log_in

    account = {key: requested[key] for key in ("auth_url", "region", "domain", "tenant", "user", "password")}
    backup = AutomaticBackup(log_in(**account))
    match verb:
        case "create" | "update":
            return backup.subscribe(requested["server"], requested["retention"])
        case "delete":
            return backup.cancel(requested["server"])
        case _:
            raise RefusedError(f"there is no {verb!r}: create, update and delete are known")


def main() -> None:
    """The program: one verb, the request as JSON on standard input. Ends with 1 and the reason if it cannot be had."""
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    (verb,) = sys.argv[1:]
    try:
        print(run(verb, json.load(sys.stdin)))
    except (RefusedError, ClientException, SDKException) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        way_out = error.way_out if isinstance(error, RefusedError) else RefusedError.way_out
        print(f"Way out: {way_out} Until then there are no new restore points.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
