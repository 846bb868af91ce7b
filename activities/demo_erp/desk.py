"""What people do in the ERP: log in; enter, correct, audit, delete documents; count stock; lock periods."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from uuid import uuid4

from sqlalchemy import Connection, delete, insert

from activities.demo_erp import closing, counting, entry, isolation, once, pointers, reversal, rights, tables
from activities.demo_erp.documents import Document, NewDocument, list_documents, read_document
from activities.demo_erp.entry import Pen
from activities.demo_erp.isolation import Notice
from activities.demo_erp.journal import Act
from activities.demo_erp.ledger import DemoLedger
from workflows.domain.errors import LedgerRefused, NotExclusive
from workflows.domain.ledger import Module, Verb
from workflows.domain.period import Period

_WRITE = (rights.WRITE, rights.CORRECT)
_AUDIT = (rights.AUDIT, rights.CORRECT)
_LOCK = (rights.LOCK,)


class Desk:
    """The client that people sit at. Whoever acts is logged in, and is refused as in any ERP.

    Raises:
        LedgerBusy, NotNamed: Unclose holds the ledger, and this person is not named.
        MissingRight, PeriodClosed: not theirs to do; too late.
        LedgerRefused: not logged in, not there, audited, frozen, referred to, there already.
        DoneBefore: the act was done under this key already.
    """

    def __init__(self, ledger: DemoLedger, key: str | None = None) -> None:
        self.ledger, self._key = ledger, key

    def require_new(self) -> None:
        """Raises DoneBefore: for who must look before the act itself is tried."""
        if self._key is not None:
            with self.ledger.reading() as db:
                once.require_new(db, self._key)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction; under a key it is done once."""
        with self.ledger.writing() as db:
            if self._key is not None:
                once.take(db, self._key, self.ledger.clock())
            yield db

    def _remember(self, db: Connection, result: str) -> None:
        if self._key is not None:
            once.remember(db, self._key, result)

    def login(self, person: str, doing: str = "") -> str:
        """Take a seat; the answer names the session."""
        session = uuid4().hex
        with self._writing() as db:
            isolation.require_may_enter(db, self.ledger.book, person)
            row = {"id": session, "person": person, "since": self.ledger.timestamp(), "doing": doing}
            db.execute(insert(tables.session), [row])
            self._remember(db, session)
        return session

    def logout(self, person: str) -> None:
        """Leave, from every seat."""
        with self._writing() as db:
            db.execute(delete(tables.session).where(tables.session.c.person == person))

    @contextmanager
    def seat(self, person: str, doing: str = "") -> Iterator["Desk"]:
        """Logged in for as long as this lasts."""
        self.login(person, doing)
        try:
            yield self
        finally:
            self.logout(person)

    def notices(self, person: str) -> tuple[Notice, ...]:
        """What this person has been told: to leave, by when, and why."""
        with self.ledger.reading() as db:
            return tuple(notice for notice in isolation.notices(db) if notice.person == person)

    # --------------------------------------------------------------------------- documents

    def read(self, number: str) -> Document:
        """A document with its lines."""
        book = self.ledger.book
        with self.ledger.reading() as db:
            return read_document(db, book, number)

    def documents(self, period: Period, kind: str | None = None) -> tuple[Document, ...]:
        """The documents of a period, without lines."""
        book = self.ledger.book
        with self.ledger.reading() as db:
            return list_documents(db, book, period, kind)

    def add(self, person: str, new: NewDocument) -> str:
        """Enter a document, not audited yet; the answer is its number."""
        with self._pen(person, _WRITE) as pen:
            number = entry.add(pen, new)
            self._remember(pen.db, number)
            return number

    def change_quantity(self, person: str, number: str, line: int, qty: Decimal, note: str = "") -> None:
        """Put another quantity on a line of a document that is not audited."""
        with self._pen(person, _WRITE) as pen:
            entry.change_quantity(pen, number, line, qty, note)

    def delete(self, person: str, number: str, note: str = "") -> None:
        """Remove a document that is not audited and that nothing refers to."""
        with self._pen(person, _WRITE) as pen:
            entry.remove(pen, number, note)

    def audit(self, person: str, number: str) -> None:
        """Sign the next level of a document's audit; the last one makes it audited."""
        with self._pen(person, _AUDIT) as pen:
            entry.audit(pen, number)

    def unaudit(self, person: str, number: str) -> None:
        """Take an audit back, so that the document can be changed."""
        with self._pen(person, _AUDIT) as pen:
            entry.unaudit(pen, number)

    def correct_quantity(self, person: str, number: str, line: int, qty: Decimal, note: str = "") -> None:
        """Un-audit, change one line, audit again: all or nothing."""
        with self._pen(person, _AUDIT) as pen:
            entry.unaudit(pen, number)
            entry.change_quantity(pen, number, line, qty, note)
            entry.audit(pen, number)

    def add_audited(self, person: str, new: NewDocument) -> str:
        """Enter a document and audit it: all or nothing."""
        with self._pen(person, _AUDIT) as pen:
            number = entry.add(pen, new)
            entry.audit(pen, number)
            self._remember(pen.db, number)
            return number

    def delete_audited(self, person: str, number: str, note: str = "") -> None:
        """Un-audit a document and delete it: all or nothing."""
        with self._pen(person, _AUDIT) as pen:
            entry.unaudit(pen, number)
            entry.remove(pen, number, note)

    def reverse(self, person: str, number: str, day: date, note: str = "") -> str:
        """Take an invoice, a payment or a voucher back in red; the answer is the number of the red one."""
        with self._pen(person, _AUDIT) as pen:
            red = reversal.reverse(pen, number, day, note)
            self._remember(pen.db, red)
            return red

    # --------------------------------------------------------------------------- stock counts

    def count(self, person: str, sheet: str, bin_code: str, qty: Decimal) -> None:
        """Write down what a bin holds."""
        with self._pen(person, _WRITE) as pen:
            counting.count(pen, sheet, bin_code, qty)

    def adjust(self, person: str, sheet: str, bin_code: str) -> str:
        """Turn a counted difference into a gain or loss bill, not audited yet; the answer is its number."""
        with self._pen(person, _WRITE) as pen:
            return counting.adjust(pen, sheet, bin_code)

    # --------------------------------------------------------------------------- periods

    def lock(self, person: str, period: Period, modules: tuple[Module, ...] = ()) -> None:
        """Forbid un-closing a period, in all modules unless some are named. Locking twice is locking once."""
        with self._pen(person, _LOCK) as pen:
            pointers.lock(pen.db, pen.book.index(period), modules, person)

    def unlock(self, person: str, period: Period, modules: tuple[Module, ...] = ()) -> None:
        """Lift the lock of a period."""
        with self._pen(person, _LOCK) as pen:
            pointers.unlock(pen.db, pen.book.index(period), modules)

    def move(self, person: str, verb: Verb, module: Module, period: Period) -> None:
        """Move a pointer by hand, as the instruction of a guided step tells, while Unclose holds the ledger.

        Whoever may un-close need not be logged in for it: nobody else may be there meanwhile. A period may be
        closed even while correctors are let in, once the lease has run out: somebody must be able to close
        what nobody comes back for.

        Raises:
            NotExclusive: Unclose does not hold the ledger, or only restricts it.
            MissingRight, OutOfOrder, BeforeStartPeriod, PeriodLocked, GateNotPassed: the ledger's own rules.
        """
        book = self.ledger.book
        with self.ledger.reading() as db:
            rights.require(db, book, person, (rights.UNCLOSE,), self.ledger.clock())
            holding = isolation.read_holding(db)
        fence = holding.held_fence
        if fence is None:
            raise NotExclusive(book.code, 0)
        is_over = holding.held_until is not None and holding.held_until <= self.ledger.clock()
        if verb == Verb.RECLOSE and holding.named and is_over:
            isolation.enter_exclusive(self.ledger, fence, holding.reason)
        key = f"by hand/{self._key or uuid4().hex}"  # the journal takes each key once
        closing.perform(self.ledger, Act(verb, module, book.index(period), fence, key, person))

    @contextmanager
    def _pen(self, person: str, needed: tuple[str, ...]) -> Iterator[Pen]:
        """One transaction of somebody who may be here and may do this."""
        book = self.ledger.book
        with self._writing() as db:
            isolation.require_may_enter(db, book, person)
            if not any(presence.person == person for presence in isolation.present(db)):
                raise LedgerRefused(book.code, f"{person} is not logged in")
            rights.require(db, book, person, needed, self.ledger.clock())
            yield Pen(db, book, person, self.ledger.timestamp())
