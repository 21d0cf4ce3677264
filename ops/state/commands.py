"""`toybox state`: keep a copy of a stack's state in the bucket, list the copies, get one back."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ops import OpsError, cloud
from ops.confirmation import confirm
from ops.stack_option import Stack
from ops.state import exports, keys, location, locks
from ops.state.store import Store

ROOT = Path(__file__).parent.parent.parent

app = typer.Typer(no_args_is_help=True, help="Copies of a stack's state in its bucket.")

Version = Annotated[str, typer.Argument(help="As `toybox state exports` lists it.")]


@app.command("export")
def export_command(stack: Stack) -> None:
    """Keep a copy of the stack's state as it is now. Each deployment in CI does this."""
    store, project = opened(stack)
    text = cloud.opened(stack).exported()
    document = exports.parsed(text, stack, project, f"The state of {stack}")
    noted = exports.notes(document, os.environ)
    version = store.put(exports.key(stack), text.encode(), noted)
    typer.echo(f"Exported the state of {stack} ({noted['resources']} resources): version {version}")


@app.command("keep")
def keep_command(stack: Stack) -> None:
    """Hand the stack's state and the settings files to its keeper. Each deployment in CI does this.

    Their secrets are encrypted, and the passphrase is not among them.
    """
    from ops.backup.asking import keeper_of  # a keeper's settings need not be read for the bucket
    from ops.state import keep
    from ops.status.keeper import keeper_stack

    chosen = cloud.opened(stack)
    keeper = keeper_stack(chosen) if cloud.declared(chosen).keeper else None
    if keeper is None:
        typer.echo(f"No keeper keeps {stack} (toybox:keeper): nothing was handed over.")
        return
    _, project = address()
    state = exports.parsed(chosen.exported(), stack, project, f"The state of {stack}")
    settings = keep.settings_files(chosen.settings_file.parent) | keep.settings_files(ROOT)
    told = keep.hand_over(keeper_of(keeper), keep.document(stack, state, settings, passphrase(os.environ)))
    typer.echo(f"The keeper has the state of {stack}: {told['kept']}{'' if told['new'] else ', as before'}")


def passphrase(environment: Mapping[str, str]) -> str:
    """Return the passphrase of this shell; "" if it has none, or in another way."""
    try:
        return Path(environment["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text().strip()
    except (KeyError, OSError):
        return environment.get("PULUMI_CONFIG_PASSPHRASE", "")


@app.command("exports")
def exports_command(
    stack: Stack,
    newest: Annotated[int, typer.Option(help="How many to show.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List the copies of the stack's state, the newest first."""
    store, _ = opened(stack)
    key = exports.key(stack)
    rows: list[dict[str, Any]] = [
        {"version": each.id, "exported": each.at.isoformat(), "bytes": each.size, **store.notes(key, each.id)}
        for each in store.versions(key)[:newest]
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo(f"There is no exported state of {stack} yet.")
    for row in rows:
        commit = f"  commit {row['commit'][:12]}" if "commit" in row else ""
        typer.echo(f"{row['version']}  {row['exported'][:19]}Z  {row.get('resources', '?')} resources{commit}")


@app.command("get")
def get_command(version: Version, stack: Stack) -> None:
    """Write a copy to standard output. Its secrets are encrypted."""
    _, text = fetched(stack, version)
    sys.stdout.write(text)


@app.command("import")
def import_command(
    version: Version,
    stack: Stack,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a copy back as the stack's state. Nothing in the cloud changes; the present state is kept as a copy first.

    Also where the state is lost: the stack is made again and gets the copy.
    """
    store, text = fetched(stack, version)
    pulumi = cloud.opened(stack)
    locks.refuse_if_locked(pulumi)
    _, project = address()
    older = exports.parsed(text, stack, project, f"Version {version}")
    present_text = pulumi.exported() if pulumi.exists() else None
    present = exports.parsed(present_text, stack, project, f"The state of {stack}") if present_text else None
    typer.echo(f"Importing version {version} over the state of {stack} changes what Pulumi knows, and nothing else:")
    typer.echo(exports.told(exports.difference(present, older)), nl=False)
    if not yes:
        confirm(stack)
    if present_text and present:
        kept = store.put(exports.key(stack), present_text.encode(), exports.notes(present, os.environ))
        typer.echo(f"The state as it was is version {kept}.")
        if pulumi.exported() != present_text:
            raise OpsError(
                f"Nothing was imported: an update of {stack} changed the state meanwhile. Run the command again, which "
                "compares with the state as it is then."
            )
    pulumi.import_state(text)
    typer.echo(f"Imported. Next, and before any update: pulumi preview --refresh --stack {stack}")


def fetched(stack: str, version: str) -> tuple[Store, str]:
    """The opened bucket and the text of one copy."""
    store, _ = opened(stack)
    key = exports.key(stack)
    found = exports.chosen(store.versions(key), version, stack)
    return store, store.get(key, found.id).decode()


def address() -> tuple[location.Bucket | None, str]:
    """Return the bucket with the state, or None if a folder has it; and the project's name."""
    url, setting, project = place()
    return location.bucket(url, setting), project


def place() -> tuple[str, str, str]:
    """Return the address of the state, the setting that holds the address, and the project's name."""
    import yaml

    file = ROOT / "Pulumi.yaml"
    try:
        project = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise OpsError(f"{file}, which says where the state lives, cannot be read: {error}") from None
    return *location.backend(os.environ, project), str(project["name"])


def opened(stack: str) -> tuple[Store, str]:
    """The bucket, and the project's name. Raises OpsError if the state lives in a folder, or the keys are missing."""
    bucket, project = address()
    if bucket is None:
        raise OpsError(
            f"The state of {stack} is in a folder ({location.VARIABLE}), and copies of it are kept in a bucket only. "
            f"For a folder: pulumi stack export --stack {stack} --file FILE"
        )
    path = keys.file(os.environ)
    found = keys.stored(path, bucket.profile)
    if found is None:
        raise location.refused(
            f"the credentials file {path}",
            f"has no section [{bucket.profile}], which {bucket.setting} names",
            "Without the keys the bucket with the state does not open.",
            f"Run `toybox init --stack {stack}`, which gets them, or set {keys.VARIABLE} to the file that has them.",
        )
    return Store(bucket, found), project


def held_locks(stack: str) -> tuple[locks.Lock, ...]:
    """Return the locks on the stack's state. Raise OpsError if the place of the state cannot be read."""
    url, setting, project = place()
    where = locks.prefix(stack, project)
    if location.bucket(url, setting) is None:
        contents = locks.in_folder(locks.folder(url), where)
    else:
        contents = opened(stack)[0].contents(where)
    return tuple(map(locks.parsed, contents))


def set_up(ask: Callable[[], str], connect: Callable[[str], Any]) -> Iterator[str]:
    """Keys and bucket, made if they are missing; yields what was made. In a folder's place nothing is to be made.

    `ask` gives the API user's password, and is called only if the keys are missing; `connect` logs in with it.
    """
    bucket, _ = address()
    if bucket is None:
        return
    path = keys.file(os.environ)
    found = keys.stored(path, bucket.profile)
    if found is None:
        found = keys.of_the_account(connect(ask()))
        keys.add(path, bucket.profile, found)
        yield f"profile {bucket.profile} in {path}"
    yield from Store(bucket, found).ensure()
