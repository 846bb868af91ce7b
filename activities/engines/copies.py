"""The port to a database's own means of copying. Everything blocks; run it in threads."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

Query = Callable[[str], Sequence[tuple[Any, ...]]]
"""Rows of the live database, for a statement without parameters. Any: as typed by its columns."""

Ask = Callable[[Query], None]
"""Raises if what is about to be done may not be done any more."""


class Sink(Protocol):
    """Where the bytes of a copy go."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...


class Copies(Protocol):
    """Copies of one database, and scratch databases made from them, addressed by their place.

    Each call may raise LedgerUnavailable when the database does not answer.
    """

    name: str
    """`sqlite`, `postgresql`."""

    def size(self) -> int:
        """About how many bytes a copy has."""

    def reading(self, folder: Path) -> AbstractContextManager[BinaryIO]:
        """A complete, consistent copy as a stream; users go on working. The folder is for its drafts.

        Raises:
            ToolMissing: the database's own tool is not there or too old.
            NoRoom: the folder is full.
        """

    def scratch(self, folder: Path, name: str) -> str:
        """The place of the scratch database of this name: beside the live one, or in the folder."""

    def receiving(self, place: str) -> AbstractContextManager[Sink]:
        """Make a scratch database from the bytes of a copy. What was at the place is removed first.

        Raises:
            ToolMissing: the database's own tool is not there or too old.
            BackupUnproven: what was written is no copy.
        """

    def check(self, place: str) -> None:
        """The database's own integrity check. Raises BackupUnproven."""

    def exists(self, place: str) -> bool: ...

    def remove(self, place: str) -> None:
        """Remove a scratch database; one that is not there is as wished."""

    def put_in_place(self, place: str, beside: str, still_mine: Ask) -> None:
        """Put a scratch database in the place of the live one, which is kept under the name `beside`.

        `still_mine` is asked when nobody else can write any more; if it raises, nothing is done. Whoever uses
        the live database sees the one or the other, whole. After it was done the caller does not repeat it.
        """
