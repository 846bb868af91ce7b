"""The port to an ERP: what Unclose asks of every ledger, in the field's own words.

Every call is safe to repeat. Vendor names, SQL, endpoints and vendor errors never leave the file of their
connector: each translates all its vendor's failures into `Refused` or `Unavailable` of the domain.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from activities.engines.copies import Sink
from workflows.domain.canonical import Row, RowLayout, Rows
from workflows.domain.corrections import Change, Invariants
from workflows.domain.digest import Json
from workflows.domain.findings import Finding, FindingScope
from workflows.domain.ledger import Capabilities, CloseState, Module
from workflows.domain.period import Period
from workflows.domain.plan import PlanStep

__all__ = [
    "BackupSource",
    "BalanceRow",
    "Change",
    "FindingScope",
    "HeldRight",
    "Hold",
    "Invariants",
    "JournalEntry",
    "LedgerConnector",
    "Scratch",
    "Session",
    "TellsDocuments",
    "Warned",
]

BalanceRow = Row
"""One canonical balance row."""

RowStream = AbstractAsyncContextManager[AsyncIterator[tuple[Period, list[Row]]]]
"""Rows in the order of their keys, in chunks of one period each; memory does not grow with the ledger."""


@dataclass(frozen=True)
class Session:
    """Someone logged in to the ledger."""

    id: str
    person: str
    since: datetime
    doing: str = ""


@dataclass(frozen=True)
class Warned:
    """Who has been told to leave the ledger, and by when; the time is none where nobody was there."""

    sessions: tuple[Session, ...]
    until: datetime | None


@dataclass(frozen=True)
class HeldRight:
    """A right that somebody has in the ledger now; for good if it has no end."""

    person: str
    right: str
    until: datetime | None


@dataclass(frozen=True)
class JournalEntry:
    """One act that the ledger itself has on record, under the key it was done with."""

    key: str
    act: str
    fence: int
    at: datetime
    person: str = ""
    """The ERP user who did it."""


@dataclass(frozen=True)
class Hold:
    """Under what a ledger is held while it is replaced, and the key that makes it happen once."""

    fence: int
    reason: str
    key: str


class Scratch(Protocol):
    """A ledger of its own, made from a copy, in the same ERP. Everything blocks; run it in threads."""

    place: str
    """Where it is, as the options of its connector name it."""

    def receiving(self) -> AbstractContextManager[Sink]:
        """Where the bytes of a copy go; at the end they are a ledger. What was there before is removed.

        Raises:
            BackupUnproven: they are no copy of a ledger.
            ToolMissing, NoRoom: it cannot be made here.
        """

    def check(self) -> None:
        """The database's own integrity check. Raises BackupUnproven."""

    def connector(self, *, read_only: bool = True) -> "LedgerConnector":
        """A connector to it; whoever asked closes it."""

    def free(self) -> None:
        """Make it fit to be acted upon: nobody is in it, and no accident of the original happens in it."""

    def exists(self) -> bool: ...

    def remove(self) -> None:
        """Remove it; one that is not there is as wished."""


class BackupSource(Protocol):
    """How copies of a ledger are made by its database's own means. Everything blocks; run it in threads."""

    engine: str
    """The database: `sqlite`, `postgresql`."""

    def size(self) -> int:
        """About how many bytes a copy has."""

    def reading(self, folder: Path) -> AbstractContextManager[BinaryIO]:
        """A complete, consistent copy as a stream, while people work. The folder is for its drafts.

        Raises:
            ToolMissing, NoRoom: it cannot be made here.
        """

    def scratch(self, folder: Path, name: str) -> Scratch:
        """The scratch ledger of this name, whether it is there already or not."""

    def put_in_place(self, scratch: Scratch, hold: Hold) -> str:
        """Put a scratch ledger in the place of the live one; the name under which that one is kept.

        The highest fence, the holding and the journal survive, so that nobody acts who could not before, and
        nothing is done twice. The same key again does nothing.

        Raises:
            StaleFence, NotExclusive: the ledger is not held under this fence.
            NotRestorable: this ERP's ledgers cannot be replaced by Unclose.
        """


@runtime_checkable
class TellsDocuments(Protocol):
    """A connector that can tell one document whole, for comparison with a backup (R40)."""

    async def document(self, number: str) -> dict[str, Json] | None:
        """Head and lines as they are in the ledger; none if there is no such document."""

    async def aclose(self) -> None:
        """Let go of connections."""


class LedgerConnector(Protocol):
    """One ledger in one ERP. Each call may raise LedgerUnavailable; each is safe to repeat."""

    async def ping(self) -> str:
        """Name and version of the ERP, when it answers."""

    async def capabilities(self) -> Capabilities: ...

    async def read_close_state(self) -> CloseState: ...

    async def findings(self, scope: FindingScope) -> tuple[Finding, ...]:
        """All that the ERP's data shows about a plan (design §5.4). Changes nothing."""

    async def sessions(self) -> tuple[Session, ...]:
        """Everyone in the ledger except Unclose itself."""

    async def warn_sessions(self, grace: timedelta, fence: int, reason: str) -> Warned:
        """Tell everyone in the ledger to leave within this time (R58). Asking again does not prolong it.

        Raises:
            StaleFence: a higher fence has been here.
            LedgerBusy: another fence holds the ledger, and its lease has not run out.
        """

    async def enter_exclusive(self, fence: int, reason: str) -> None:
        """End foreign sessions, allow no new ones. The fence becomes the lowest that may act.

        The holding is a lease: every act of the holder renews it, and while it runs no higher fence can take
        the ledger over. Once one has, whatever the earlier holder still does is refused.

        Raises:
            StaleFence: a higher fence has been here.
            LedgerBusy: another fence holds the ledger, and its lease has not run out.
            SessionsRemain: someone would not leave.
        """

    async def restrict_to(self, persons: tuple[str, ...], fence: int) -> None:
        """Let exactly these persons write, nobody else. Raises StaleFence, NotExclusive."""

    async def leave_exclusive(self, fence: int) -> None:
        """Let everybody in again. What this fence does not hold is left as it is. Raises StaleFence."""

    async def rights(self, persons: tuple[str, ...]) -> tuple[HeldRight, ...]:
        """The rights these persons have now, read from the ERP; what has run out is no right."""

    async def grant(self, persons: tuple[str, ...], right: str, until: datetime, fence: int) -> None:
        """Give a right for a time. Raises StaleFence."""

    async def revoke(self, persons: tuple[str, ...], right: str, fence: int) -> None:
        """Take it back; not having it is fine. Raises StaleFence."""

    async def unclose(self, step: PlanStep, fence: int, key: str) -> None:
        """Move one module back by one period. The same key again does nothing.

        Raises:
            StaleFence, NotExclusive, SessionsRemain: not alone, or not any more.
            OutOfOrder, PeriodLocked, BeforeStartPeriod, MissingRight: the ledger's own rules.
            GuidedOnly: a person makes this movement in the ERP.
        """

    async def close(self, step: PlanStep, fence: int, key: str) -> None:
        """Close one period of one module; balances are computed anew. The same key again does nothing.

        Raises:
            as `unclose`, and GateNotPassed: the period is not fit to be closed.
        """

    async def journal(self, key_prefix: str) -> tuple[JournalEntry, ...]:
        """The acts on record whose key starts so, oldest first."""

    def layout(self, rows: Rows, module: Module) -> RowLayout:
        """What the fields of a module's canonical rows mean; empty for what the ledger does not have."""

    def balances(self, module: Module, period: Period | None = None) -> RowStream:
        """Canonical balance rows of one closed period, or of all, period by period.

        Rows come in the order of the code points of their keys, whatever the database's collation. A period
        may come in several chunks; periods without rows are left out.
        """

    def documents(self, module: Module, period: Period) -> RowStream:
        """Canonical rows of what people entered in a period, closed or open; ordered in the same way.

        Nothing comes where the capabilities say that documents cannot be read.
        """

    async def mark(self) -> str:
        """A mark in the ledger's change log, for `changes_since`."""

    async def changes_since(self, mark: str) -> tuple[Change, ...]:
        """What people changed after the mark, oldest first."""

    async def invariants(self) -> Invariants: ...

    def backup_source(self) -> BackupSource: ...

    async def aclose(self) -> None:
        """Let go of connections."""
