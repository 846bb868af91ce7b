"""The ledger's memory: acts on pointers, each under its key, and what people changed in documents."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, String, bindparam, func, insert, select

from activities.demo_erp import tables
from activities.demo_erp.ledger import Book
from workflows.domain.corrections import Change, FieldChange
from workflows.domain.errors import LedgerRefused
from workflows.domain.ledger import Module, Verb

_journal, _changes = tables.journal, tables.change_log


@dataclass(frozen=True)
class Act:
    """One movement of one pointer, by somebody, under a key that makes it happen once."""

    verb: Verb
    module: Module
    period: int
    fence: int
    key: str
    person: str


@dataclass(frozen=True)
class Entry:
    """An act on record."""

    key: str
    act: str
    fence: int
    at: datetime
    person: str


def has(db: Connection, book: Book, act: Act) -> bool:
    """Whether the act has been done under this key.

    Raises:
        LedgerRefused: the key stands for another act.
    """
    found = db.scalar(_ACT_OF, {"its_key": act.key})
    if found not in (None, describe(book, act)):
        raise LedgerRefused(book.code, f"key {act.key} was used for {found}")
    return found is not None


_ACT_OF = select(_journal.c.act).where(_journal.c.key == bindparam("its_key"))


def record(db: Connection, book: Book, act: Act, at: str) -> None:
    row = {
        "key": act.key,
        "act": describe(book, act),
        "module": act.module,
        "period": act.period,
        "fence": act.fence,
        "person": act.person,
        "at": at,
    }
    db.execute(_INSERT, [row])


_INSERT = insert(_journal)


def describe(book: Book, act: Act) -> str:
    return f"{act.verb} {act.module} {book.text(act.period)}"


def entries(db: Connection, key_prefix: str) -> tuple[Entry, ...]:
    """Acts whose key starts so, oldest first."""
    return tuple(
        Entry(key, act, fence, datetime.fromisoformat(at), person)
        for key, act, fence, at, person in db.execute(_ENTRIES, {"prefix": key_prefix})
    )


_PREFIX = bindparam("prefix", type_=String)
_ENTRIES = (
    select(_journal.c.key, _journal.c.act, _journal.c.fence, _journal.c.at, _journal.c.person)
    # The first condition lets the index find what the second one means.
    .where(_journal.c.key >= _PREFIX, func.substr(_journal.c.key, 1, func.length(_PREFIX)) == _PREFIX)
    .order_by(_journal.c.id)
)


@dataclass(frozen=True)
class Deed:
    """What somebody did to a document, and to which of its fields."""

    document: str
    action: str
    """`added`, `changed` or `deleted`."""
    module: Module
    period: int
    person: str
    at: str
    note: str = ""
    fields: tuple[FieldChange, ...] = ()
    reverses: str = ""
    """The document that this one takes back in red."""


def note_change(db: Connection, deed: Deed) -> None:
    fields = [[field.line, field.name, field.before, field.after] for field in deed.fields]
    row = {
        "document": deed.document,
        "action": deed.action,
        "module": deed.module,
        "period": deed.period,
        "person": deed.person,
        "at": deed.at,
        "note": deed.note,
        "fields": json.dumps(fields, ensure_ascii=False),
        "reverses": deed.reverses,
    }
    db.execute(insert(_changes), [row])


def mark(db: Connection) -> str:
    """The place in the change log that has been reached."""
    return str(db.scalar(select(func.coalesce(func.max(_changes.c.id), 0))))


def changes_since(db: Connection, book: Book, since: str) -> tuple[Change, ...]:
    """What people changed after the mark, oldest first."""
    rows = db.execute(select(_changes).where(_changes.c.id > int(since)).order_by(_changes.c.id))
    return tuple(
        Change(
            row.document,
            row.action,
            Module(row.module),
            book.period(row.period),
            row.person,
            datetime.fromisoformat(row.at),
            row.note,
            tuple(FieldChange(*field) for field in json.loads(row.fields)),
            row.reverses,
        )
        for row in rows
    )
