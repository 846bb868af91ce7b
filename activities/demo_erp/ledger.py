"""One demo ledger: its database, calendar and clock, and transactions whose failures speak the domain."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from activities.demo_erp import dialect, tables
from workflows.domain.errors import LedgerUnavailable
from workflows.domain.period import FiscalCalendar, Period


@dataclass(frozen=True)
class Book:
    """What never changes in a ledger."""

    code: str
    name: str
    calendar: FiscalCalendar

    def index(self, period: Period) -> int:
        return self.calendar.index(period)

    def period(self, index: int) -> Period:
        return self.calendar.at(index)

    def text(self, index: int) -> str:
        return str(self.calendar.at(index))


def now_utc() -> datetime:
    return datetime.now(UTC)


class DemoLedger:
    """A ledger to read from and write to. Opens its database when first used."""

    def __init__(
        self, place: str, *, read_only: bool = False, clock: Callable[[], datetime] = now_utc
    ) -> None:
        self.place, self.clock = place, clock
        self._engine = dialect.connect(place, read_only=read_only)
        self._reader, self._writer = dialect.reading(self._engine), dialect.writing(self._engine)
        self._book: Book | None = None

    @property
    def book(self) -> Book:
        """Raises LedgerUnavailable while nothing readable is at the ledger's place."""
        if self._book is None:
            with self._failures(), self._reader.begin() as db:
                self._book = read_book(db)
        return self._book

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One moment of the ledger."""
        with self._failures(), self._reader.begin() as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """All or nothing. Writers take turns, so what was checked still holds when it is written."""
        with self._failures(), self._writer.begin() as db:
            db.execute(_MY_TURN)
            yield db

    @contextmanager
    def founding(self) -> Iterator[Connection]:
        """All or nothing, in a database that holds no ledger yet."""
        with self._failures(), self._writer.begin() as db:
            yield db

    def timestamp(self) -> str:
        return self.clock().isoformat()

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def __enter__(self) -> "DemoLedger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            code = self._book.code if self._book else self.place
            raise dialect.failure(code, error) from error


_MY_TURN = select(tables.holding.c.id).with_for_update()


def read_book(db: Connection) -> Book:
    """Raises LedgerUnavailable if the database holds no ledger."""
    row = db.execute(select(tables.ledger)).one_or_none()
    if row is None:
        raise LedgerUnavailable("", "the database holds no ledger")
    return Book(row.code, row.name, FiscalCalendar(row.periods_per_year, row.first_month))
