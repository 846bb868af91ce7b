"""`unclose dev`: everything embedded, on one data directory."""

from pathlib import Path
from typing import Annotated

import typer

from service.dev_tree import DevTree

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of the API; 0 takes a free one.")]
DataDir = Annotated[
    Path, typer.Option(envvar="UNCLOSE_DATA_DIR", file_okay=False, help="Folder for all state; kept.")
]
TemporalPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port of the embedded Temporal; a free one by default.")
]


def dev(port: Port = 8000, data_dir: DataDir = Path("var"), temporal_port: TemporalPort = None) -> None:
    """Run API, worker, embedded Temporal and demo ledger until Ctrl-C. State survives restarts."""
    folder = data_dir.expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    DevTree(folder, port, temporal_port).run(announce=_announce, say=_say)


def _announce(line: str) -> None:
    typer.echo(line)


def _say(line: str) -> None:
    typer.echo(line, err=True)


COMMAND = dev
