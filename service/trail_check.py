"""Checks what the register holds besides cases: the audit trail, the log of administrators, rows told."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Table, func, select

from activities.verifier import Fault, digest_of
from service.audit_trail import CHAIN
from service.stored_rows import read_rows
from service.tables import admin_events
from service.told_rows import check_other_rows
from service.trail_tables import audit_events, chain_heads

_AT_ONCE = 500

Row = Mapping[str, Any]  # Any: JSON


def check_trail(connection: Connection) -> Iterator[Fault]:
    """Every fault outside of cases, a few hundred rows in memory at a time."""
    yield from _audit_chain(connection)
    yield from _admin_log(connection)
    yield from check_other_rows(connection)


def _pages(connection: Connection, table: Table, key: str) -> Iterator[dict[str, Any]]:
    """Every row in the order of its key."""
    column, last = table.c[key], None
    while True:
        wanted = select(column).order_by(column).limit(_AT_ONCE)
        keys = connection.scalars(wanted if last is None else wanted.where(column > last)).all()
        if not keys:
            return
        yield from read_rows(connection, table, column >= keys[0], column <= keys[-1])
        last = keys[-1]


def _audit_chain(connection: Connection) -> Iterator[Fault]:
    before, n = {digest_of(CHAIN)}, 0
    for row in _pages(connection, audit_events, "n"):
        n += 1
        while n < row["n"]:
            yield Fault("", f"audit/{n}", "missing")
            n += 1
        named, digest = row.pop("digest"), digest_of(row)
        if digest != named:
            yield Fault("", f"audit/{n}", "altered")
        elif row["digest_of_previous"] not in before:
            yield Fault("", f"audit/{n}", "broken_link")
        elif "admin_event" in row["data"]:
            yield from _administered(connection, row)
        before = {digest, named}
    heads = read_rows(connection, chain_heads, chain_heads.c.name == CHAIN)
    ends = [(head["n"], head["digest"]) for head in heads]
    if not (ends == [] and n == 0) and not any(ends == [(n, digest)] for digest in before):
        yield Fault("", "audit/head", "altered")


def _administered(connection: Connection, told: Row) -> Iterator[Fault]:
    data = dict(told["data"])
    number = data.pop("admin_event")
    rows = read_rows(connection, admin_events, admin_events.c.id == number)
    if not rows:
        yield Fault("", f"admin/{number}", "missing")
        return
    expected = {**{name: told[name] for name in rows[0] if name in told}, "id": number, "data": data}
    for name, value in rows[0].items():
        if value != expected[name]:
            yield Fault("", f"admin/{number}/{name}", "altered")


def _admin_log(connection: Connection) -> Iterator[Fault]:
    """Nothing is in the log that the chain does not tell."""
    told = connection.scalars(
        select(audit_events.c.data["admin_event"].as_integer()).where(
            audit_events.c.data["admin_event"].as_integer().is_not(None)
        )
    )
    known = set(told)
    if len(known) == connection.scalar(select(func.count()).select_from(admin_events)):
        return
    for row in _pages(connection, admin_events, "id"):
        if row["id"] not in known:
            yield Fault("", f"admin/{row['id']}", "unexpected")
