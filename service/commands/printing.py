"""How commands print: wide when nobody reads it on a terminal, so that no line is cut."""

import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_WIDE = 160


def open_console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def counted(n: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def open_table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
