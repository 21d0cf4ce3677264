"""`toybox guard`: gets a preview, judges it, prints what came of it. The thin edge of the pure modules beside it."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ops import OpsError
from ops.guard import allowed, judgement, preview, rules, text
from ops.guard.cost import cost
from ops.pulumi_cli import PulumiStack
from ops.stack_option import StackIfAny

ROOT = Path(__file__).parent.parent.parent


def guard(
    file: Annotated[
        Path | None,
        typer.Argument(
            help=f"What `{preview.COMMAND}` printed; - is standard input. Without it, the preview is made now.",
            allow_dash=True,
        ),
    ] = None,
    stack: StackIfAny = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the cloud first, so that what is gone there is seen.")
    ] = False,
    exceptions_file: Annotated[
        Path, typer.Option("--exceptions", help="What may happen all the same.", show_default=allowed.FILE)
    ] = ROOT / allowed.FILE,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say what an update would do to the data, and stop it if it loses any.

    Exits with 1 if data would be deleted, replaced, unprotected or made again, if something is opened, if an image in
    prod is not pinned, and if there is no whole preview to judge by. Nothing is changed.
    """
    today = datetime.now(UTC).date()
    try:
        printed, said, ended_well = _printed(file, stack, refresh)
        found = preview.read(printed, said, ended_well=ended_well)
        if file and stack and found.stack != stack:
            raise preview.PreviewError(
                f"is of stack {found.stack}, not of {stack}.", f"Make it again: `{preview.COMMAND} --stack {stack}`."
            )
        entries = allowed.read(exceptions_file)
        judged = judgement.judge(rules.findings(found), entries, found.stack, today)
    except (preview.PreviewError, allowed.ExceptionsError) as error:
        # Also on standard output: what stops a pull request belongs into the comment on it.
        refusal = {"stack": stack, "passes": False, "errors": [str(error)]}
        typer.echo(json.dumps(refusal, indent=2) if as_json else f"STOP: {error}")
        raise typer.Exit(1) from None
    notes, costs = rules.notes(found), cost(found)
    if as_json:
        typer.echo(json.dumps(text.document(found, judged, notes, costs), indent=2, ensure_ascii=False))
    else:
        typer.echo(text.report(found, judged, notes, costs, today), nl=False)
    if not judgement.passes(found, judged):
        raise typer.Exit(1)


def _printed(file: Path | None, stack: str | None, refresh: bool) -> tuple[str, str, bool]:
    """(what a preview printed, what was said beside it, whether it ended well as far as anybody knows)."""
    if file is None:
        if not stack:
            raise OpsError("Which stack? Say --stack NAME, or give the file of a preview.")
        return PulumiStack(stack, ROOT).preview(refresh=refresh)
    if refresh:
        raise OpsError(
            "--refresh is for a preview that is made now. Make the file with it: `pulumi preview --refresh`."
        )
    try:
        # A byte that is no text is damage, and the parser says so.
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise preview.PreviewError(f"cannot be read: {error}", f"Make it again: `{preview.COMMAND}`.") from None
    return data.decode(errors="replace"), "", True
