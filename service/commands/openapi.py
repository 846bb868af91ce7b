"""`unclose openapi`: the contract of the API, or whether a file still says the same."""

import difflib
from pathlib import Path
from typing import Annotated

import typer

from service.failures import CommandFailed
from service.openapi_document import text

Check = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Compare with this file instead of printing.")
]

_SHOWN = 40
"""How many lines of a difference are shown."""


def openapi(check: Check = None) -> None:
    """Print the OpenAPI document, or fail if a file differs from it."""
    document = text()
    if check is None:
        typer.echo(document, nl=False)
        return
    drift = list(
        difflib.unified_diff(
            check.read_text("utf-8").splitlines(), document.splitlines(), str(check), "the code", lineterm=""
        )
    )
    if drift:
        typer.echo("\n".join(drift[:_SHOWN]), err=True)
        raise CommandFailed(f"{check} differs from the code", f"unclose openapi > {check}")


COMMAND = openapi
