"""The connector to the embedded demo ledger: full findings, automatic acts, native copies."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Annotated, BinaryIO

from pydantic import BeforeValidator

from activities.demo_erp import (
    balances,
    checks,
    closing,
    dialect,
    document_rows,
    documents,
    isolation,
    journal,
    pointers,
    rights,
    soundness,
)
from activities.demo_erp.creation import EXECUTOR
from activities.demo_erp.journal import Act
from activities.demo_erp.ledger import DemoLedger
from activities.engines.copies import Copies, Sink
from activities.engines.postgresql import PostgreSQLTools
from activities.erp import demo_copies
from activities.erp.connector import BalanceRow, HeldRight, Hold, JournalEntry, Scratch, Session, Warned
from workflows.domain.canonical import RowLayout, Rows
from workflows.domain.corrections import Change, Invariants
from workflows.domain.digest import Json, to_json
from workflows.domain.errors import GuidedOnly
from workflows.domain.findings import Finding, FindingScope
from workflows.domain.ledger import Capabilities, CloseState, Module, Verb
from workflows.domain.period import Period
from workflows.domain.plan import PlanStep

Chunk = tuple[Period, list[BalanceRow]]
Blocking = Generator[list[tuple[int, list[BalanceRow]]], None, None]
NO_TOOLS = PostgreSQLTools()
"""PostgreSQL's own programs are looked for on the PATH."""

CHUNKS_A_TRIP = 8
"""How many chunks of a stream are taken at once: a trip to a thread costs more than reading a chunk."""


Movement = tuple[Module, Verb]


def _movements(written: object) -> object:
    """`gl` means both of its movements, `gl:unclose` one of them; pairs stay as they are."""
    if not isinstance(written, list):
        return written
    both = (Verb.UNCLOSE, Verb.RECLOSE)
    found: list[object] = []
    for each in written:
        if isinstance(each, str):
            module, _, verb = each.partition(":")
            found += [(module, v) for v in ((verb,) if verb else both)]
        else:
            found.append(each)
    return tuple(found)


@dataclass(frozen=True)
class DemoOptions:
    """Where the ledger lies, and which of its movements are left to a person (to try guided steps)."""

    path: str
    guided: Annotated[tuple[Movement, ...], BeforeValidator(_movements)] = ()
    read_only: bool = False


class DemoConnector:
    """Speaks to one demo ledger. Its database blocks, so every call runs in a thread."""

    def __init__(self, options: DemoOptions, tools: PostgreSQLTools = NO_TOOLS) -> None:
        self.options, self.tools = options, tools
        self.ledger = DemoLedger(options.path, read_only=options.read_only)

    async def ping(self) -> str:
        return await asyncio.to_thread(self._ping)

    async def capabilities(self) -> Capabilities:
        return Capabilities(guided=self.options.guided, can_back_up=True, can_clone=True)

    async def read_close_state(self) -> CloseState:
        return await asyncio.to_thread(self._read_close_state)

    async def findings(self, scope: FindingScope) -> tuple[Finding, ...]:
        return await asyncio.to_thread(checks.find, self.ledger, scope)

    async def sessions(self) -> tuple[Session, ...]:
        return await asyncio.to_thread(self._sessions)

    async def warn_sessions(self, grace: timedelta, fence: int, reason: str) -> Warned:
        return await asyncio.to_thread(self._warn_sessions, grace, fence, reason)

    async def enter_exclusive(self, fence: int, reason: str) -> None:
        await asyncio.to_thread(isolation.enter_exclusive, self.ledger, fence, reason)

    async def restrict_to(self, persons: tuple[str, ...], fence: int) -> None:
        await asyncio.to_thread(isolation.restrict_to, self.ledger, persons, fence)

    async def leave_exclusive(self, fence: int) -> None:
        await asyncio.to_thread(isolation.leave_exclusive, self.ledger, fence)

    async def rights(self, persons: tuple[str, ...]) -> tuple[HeldRight, ...]:
        return await asyncio.to_thread(self._rights, persons)

    async def grant(self, persons: tuple[str, ...], right: str, until: datetime, fence: int) -> None:
        await asyncio.to_thread(rights.grant, self.ledger, persons, right, until, fence)

    async def revoke(self, persons: tuple[str, ...], right: str, fence: int) -> None:
        await asyncio.to_thread(rights.revoke, self.ledger, persons, right, fence)

    async def unclose(self, step: PlanStep, fence: int, key: str) -> None:
        await asyncio.to_thread(self._perform, Verb.UNCLOSE, step, fence, key)

    async def close(self, step: PlanStep, fence: int, key: str) -> None:
        await asyncio.to_thread(self._perform, Verb.RECLOSE, step, fence, key)

    async def journal(self, key_prefix: str) -> tuple[JournalEntry, ...]:
        return await asyncio.to_thread(self._journal, key_prefix)

    def layout(self, rows: Rows, module: Module) -> RowLayout:
        return balances.layout(module) if rows == Rows.BALANCES else document_rows.LAYOUT

    @asynccontextmanager
    async def balances(
        self, module: Module, period: Period | None = None
    ) -> AsyncIterator[AsyncIterator[Chunk]]:
        index = None if period is None else self.ledger.book.index(period)
        async with self._streaming(balances.stream(self.ledger, module, index)) as chunks:
            yield chunks

    @asynccontextmanager
    async def documents(self, module: Module, period: Period) -> AsyncIterator[AsyncIterator[Chunk]]:
        index = self.ledger.book.index(period)
        async with self._streaming(document_rows.stream(self.ledger, module, index)) as chunks:
            yield chunks

    @asynccontextmanager
    async def _streaming(self, blocking: Blocking) -> AsyncIterator[AsyncIterator[Chunk]]:
        stream = _Stream(blocking)
        chunks = self._chunks(stream)
        try:
            yield chunks
        finally:
            await chunks.aclose()
            if not stream.is_done:
                await asyncio.to_thread(stream.close)

    async def mark(self) -> str:
        return await asyncio.to_thread(self._mark)

    async def changes_since(self, mark: str) -> tuple[Change, ...]:
        return await asyncio.to_thread(self._changes_since, mark)

    async def invariants(self) -> Invariants:
        return await asyncio.to_thread(self._invariants)

    async def document(self, number: str) -> dict[str, Json] | None:
        return await asyncio.to_thread(self._document, number)

    def backup_source(self) -> "DemoBackupSource":
        return DemoBackupSource(self.options, self.tools)

    async def aclose(self) -> None:
        await asyncio.to_thread(self.ledger.close)

    # ----------------------------------------------------------------- in the thread

    def _ping(self) -> str:
        book = self.ledger.book
        with self.ledger.reading() as db:
            return f"Unclose demo ledger {book.code} on {dialect.version(db)}"

    def _read_close_state(self) -> CloseState:
        book = self.ledger.book
        with self.ledger.reading() as db:
            return pointers.read_close_state(db, book)

    def _sessions(self) -> tuple[Session, ...]:
        with self.ledger.reading() as db:
            return tuple(Session(p.id, p.person, p.since, p.doing) for p in isolation.present(db))

    def _warn_sessions(self, grace: timedelta, fence: int, reason: str) -> Warned:
        until = isolation.warn(self.ledger, fence, grace, reason)
        return Warned(self._sessions(), until)

    def _rights(self, persons: tuple[str, ...]) -> tuple[HeldRight, ...]:
        with self.ledger.reading() as db:
            held = rights.held(db, persons, self.ledger.clock())
        return tuple(HeldRight(right.person, right.name, right.until) for right in held)

    def _perform(self, verb: Verb, step: PlanStep, fence: int, key: str) -> None:
        if (step.module, verb) in self.options.guided:
            raise GuidedOnly(verb, step.module, self.ledger.book.code)
        period = self.ledger.book.index(step.period)
        closing.perform(self.ledger, Act(verb, step.module, period, fence, key, EXECUTOR))

    def _journal(self, key_prefix: str) -> tuple[JournalEntry, ...]:
        with self.ledger.reading() as db:
            entries = journal.entries(db, key_prefix)
        return tuple(JournalEntry(e.key, e.act, e.fence, e.at, e.person) for e in entries)

    async def _chunks(self, stream: "_Stream") -> AsyncGenerator[Chunk, None]:
        while not stream.is_done:
            for period, rows in await asyncio.to_thread(stream.take):
                yield self.ledger.book.period(period), rows

    def _document(self, number: str) -> dict[str, Json] | None:
        book = self.ledger.book
        with self.ledger.reading() as db:
            if not documents.exists(db, number):
                return None
            told = to_json(documents.read_document(db, book, number))
        assert isinstance(told, dict)
        return told

    def _mark(self) -> str:
        with self.ledger.reading() as db:
            return journal.mark(db)

    def _changes_since(self, mark: str) -> tuple[Change, ...]:
        book = self.ledger.book
        with self.ledger.reading() as db:
            return journal.changes_since(db, book, mark)

    def _invariants(self) -> Invariants:
        book = self.ledger.book
        with self.ledger.reading() as db:
            return soundness.read_invariants(db, book)


class _Stream:
    """A blocking stream that may be closed while a thread still waits for what comes next."""

    def __init__(self, chunks: Blocking) -> None:
        self._chunks, self._lock = chunks, Lock()
        self.is_done = False
        """Whether all has been taken, and the ledger let go of."""

    def take(self) -> list[tuple[int, list[BalanceRow]]]:
        with self._lock:
            taken = list(islice(self._chunks, CHUNKS_A_TRIP))
            self.is_done = len(taken) < CHUNKS_A_TRIP
            return [part for chunk in taken for part in chunk]

    def close(self) -> None:
        with self._lock:
            self._chunks.close()


class DemoBackupSource:
    """Copies of a demo ledger, and ledgers made from them."""

    def __init__(self, options: DemoOptions, tools: PostgreSQLTools = NO_TOOLS) -> None:
        self.options, self.tools = options, tools
        self._copies = demo_copies.of(options.path, tools)
        self.engine = self._copies.name

    def size(self) -> int:
        return self._copies.size()

    def reading(self, folder: Path) -> AbstractContextManager[BinaryIO]:
        return self._copies.reading(folder)

    def scratch(self, folder: Path, name: str) -> "DemoScratch":
        return DemoScratch(self, self._copies, self._copies.scratch(folder, name))

    def put_in_place(self, scratch: Scratch, hold: Hold) -> str:
        assert isinstance(scratch, DemoScratch)
        return demo_copies.put_in_place(self.options.path, scratch.place, self._copies, hold)


class DemoScratch:
    """A demo ledger made from a copy."""

    def __init__(self, source: DemoBackupSource, copies: Copies, place: str) -> None:
        self._source, self._copies, self.place = source, copies, place

    def receiving(self) -> AbstractContextManager[Sink]:
        return self._copies.receiving(self.place)

    def check(self) -> None:
        self._copies.check(self.place)

    def connector(self, *, read_only: bool = True) -> DemoConnector:
        # Nobody sits before a copy: what a person does in the ledger itself is done automatically here.
        options = replace(self._source.options, path=self.place, guided=(), read_only=read_only)
        return DemoConnector(options, self._source.tools)

    def free(self) -> None:
        demo_copies.free(self.place)

    def exists(self) -> bool:
        return self._copies.exists(self.place)

    def remove(self) -> None:
        self._copies.remove(self.place)
