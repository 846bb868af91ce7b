"""The same questions to every connector: what Unclose relies on, whatever ERP stands behind it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from activities.demo_erp.creation import EXECUTOR, GRAPH
from activities.demo_erp.desk import Desk
from activities.demo_erp.ledger import DemoLedger
from activities.erp import connect
from activities.erp.connector import BalanceRow, HeldRight, Hold, LedgerConnector, Scratch
from activities.erp.demo import DemoOptions
from activities.proof import prove_ledger
from tests.postgres import TOOLS, Server
from workflows.domain.canonical import Place, Rows
from workflows.domain.errors import (
    BackupUnproven,
    BeforeStartPeriod,
    LedgerBusy,
    LedgerRefused,
    LedgerUnavailable,
    NotExclusive,
    OutOfOrder,
    StaleFence,
    UncloseError,
)
from workflows.domain.findings import Finding, FindingScope, in_order
from workflows.domain.ledger import CloseState, Module, Verb
from workflows.domain.period import Period
from workflows.domain.plan import Books, Plan, PlanStep, plan_reclose, plan_unclose, verify_movement
from workflows.domain.proof import require_equal, require_open, require_untouched

FENCE = 7


@dataclass(frozen=True)
class Subject:
    """A ledger behind a connector, and what a test must know to ask it the common questions."""

    connector: LedgerConnector
    unreachable: LedgerConnector
    log_in: Callable[[str], object]
    """Somebody enters the ledger."""
    damage: Callable[[bytes], bytes]
    """Spoils a copy."""
    target: Period
    module: Module
    executor: str
    books: Books = field(default_factory=lambda: Books(GRAPH))

    async def plan(self) -> Plan:
        state = await self.connector.read_close_state()
        return plan_unclose(state, self.books, self.target, (self.module,))

    async def open_target(self) -> tuple[CloseState, Plan]:
        """Hold the ledger and un-close step by step; the state before, and what was done."""
        before, plan = await self.connector.read_close_state(), await self.plan()
        await self.connector.enter_exclusive(FENCE, "UC-TEST")
        for step in plan.steps:
            await self.connector.unclose(step, FENCE, key_of(step))
        return before, plan


def key_of(step: PlanStep) -> str:
    return f"UC-TEST/{step.verb}/{step.module}/{step.period}"


# --------------------------------------------------------------------------- connectors under test


@asynccontextmanager
async def a_demo_ledger(folder: Path, demo_template: Path) -> AsyncIterator[Subject]:
    path = shutil.copy(demo_template, folder / "ledger.db")
    connector, unreachable = (connect(DemoOptions(str(p))) for p in (path, folder / "nowhere.db"))
    with DemoLedger(str(path)) as ledger:
        desk = Desk(ledger)
        yield Subject(
            connector,
            unreachable,
            log_in=desk.login,
            damage=lambda copy: copy[:-8192],
            target=Period(2025, 4),
            module=Module.INVENTORY,
            executor=EXECUTOR,
        )
    await connector.aclose()
    await unreachable.aclose()


@asynccontextmanager
async def a_demo_ledger_on_postgresql(server: Server, template: str) -> AsyncIterator[Subject]:
    with server.database(template) as name:
        places = server.url(name), server.url("nowhere")
        connector, unreachable = (connect(DemoOptions(place), TOOLS) for place in places)
        with DemoLedger(places[0]) as ledger:
            desk = Desk(ledger)
            yield Subject(
                connector,
                unreachable,
                log_in=desk.login,
                damage=lambda copy: copy[:-8192],
                target=Period(2025, 4),
                module=Module.INVENTORY,
                executor=EXECUTOR,
            )
        await connector.aclose()
        await unreachable.aclose()


CONNECTORS = ("demo", "demo on PostgreSQL")


@pytest.fixture(params=CONNECTORS)
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async with _subject(request, tmp_path) as made:
        yield made


def _subject(request: pytest.FixtureRequest, folder: Path) -> AbstractAsyncContextManager[Subject]:
    if request.param == "demo":
        return a_demo_ledger(folder, request.getfixturevalue("demo_template"))
    server: Server = request.getfixturevalue("postgres")
    return a_demo_ledger_on_postgresql(server, request.getfixturevalue("demo_on_postgres"))


# --------------------------------------------------------------------------- reading


async def test_it_says_what_it_is(subject: Subject) -> None:
    assert await subject.connector.ping()


async def test_an_erp_that_is_not_there_is_unavailable(subject: Subject) -> None:
    with pytest.raises(LedgerUnavailable):
        await subject.unreachable.ping()
    with pytest.raises(LedgerUnavailable):
        await subject.unreachable.read_close_state()


async def test_every_module_of_the_graph_has_a_close_state(subject: Subject) -> None:
    state = await subject.connector.read_close_state()
    assert set(state.pointers()) == set(subject.books.graph.modules)
    for module in state.modules:
        assert module.start <= module.current
        subject.books.calendar.check(module.current)


async def test_reading_twice_reads_the_same(subject: Subject) -> None:
    assert await subject.connector.read_close_state() == await subject.connector.read_close_state()
    require_equal(await prove_ledger(subject.connector), await prove_ledger(subject.connector))


async def test_exactly_the_closed_periods_have_balances(subject: Subject) -> None:
    state, proof = await subject.connector.read_close_state(), await prove_ledger(subject.connector)
    for leaf in proof.leaves:
        assert state.of(leaf.module).is_closed(leaf.period), leaf.place
    assert {leaf.module for leaf in proof.leaves} == set(subject.books.graph.modules)


async def test_balances_come_in_order_and_as_text(subject: Subject) -> None:
    for module in subject.books.graph.modules:
        seen: list[Period] = []
        async with subject.connector.balances(module) as chunks:
            async for period, rows in chunks:
                seen.append(period)
                assert rows
                assert all(isinstance(text, str) for row in rows for text in row)
                assert len({len(row) for row in rows}) == 1
        assert seen == sorted(seen)


async def test_rows_have_the_fields_of_their_layout_and_come_in_the_order_of_their_keys(
    subject: Subject,
) -> None:
    for kind in Rows:
        for module in subject.books.graph.modules:
            layout = subject.connector.layout(kind, module)
            rows = await _rows(subject, Place(kind, module, subject.target))
            keys = [layout.key_of(row) for row in rows]
            assert all(len(row) == len(layout.key) + len(layout.facts) for row in rows)
            assert keys == sorted(set(keys))


async def test_the_balances_of_one_period_are_those_of_all_periods_there(subject: Subject) -> None:
    for module in subject.books.graph.modules:
        of_all: list[BalanceRow] = []
        async with subject.connector.balances(module) as chunks:
            async for period, rows in chunks:
                of_all += rows if period == subject.target else []
        assert of_all
        assert await _rows(subject, Place(Rows.BALANCES, module, subject.target)) == of_all


async def test_documents_can_be_read_in_open_periods_too(subject: Subject) -> None:
    current = (await subject.connector.read_close_state()).of(subject.module).current
    assert await _rows(subject, Place(Rows.DOCUMENTS, subject.module, current))


async def test_reading_balances_can_be_broken_off(subject: Subject) -> None:
    async with subject.connector.balances(subject.module) as chunks:
        async for _ in chunks:
            break
    assert (await prove_ledger(subject.connector)).leaves


async def test_a_module_the_ledger_does_not_have_has_no_balances(subject: Subject) -> None:
    async with subject.connector.balances(Module.PAYROLL) as chunks:
        assert [period async for period, _ in chunks] == []


async def test_findings_are_ordered_repeatable_and_change_nothing(subject: Subject) -> None:
    before = await subject.connector.read_close_state()
    scope = await _scope(subject)
    found = await subject.connector.findings(scope)
    assert found == in_order(found)
    assert _bound(await subject.connector.findings(scope)) == _bound(found)
    assert await subject.connector.read_close_state() == before


async def test_a_sound_ledger_says_so(subject: Subject) -> None:
    invariants = await subject.connector.invariants()
    assert invariants.stock_value == invariants.stock_account
    assert invariants.trial_balance == 0
    assert invariants.broken_openings == ()


async def test_nothing_has_changed_since_a_fresh_mark(subject: Subject) -> None:
    assert await subject.connector.changes_since(await subject.connector.mark()) == ()


# --------------------------------------------------------------------------- isolation and rights


async def test_nobody_is_in_a_ledger_that_is_held(subject: Subject) -> None:
    subject.log_in("clerk")
    assert "clerk" in {session.person for session in await subject.connector.sessions()}
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    assert await subject.connector.sessions() == ()


async def test_only_named_persons_enter_a_restricted_ledger(subject: Subject) -> None:
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    await subject.connector.restrict_to(("clerk",), FENCE)
    await subject.connector.restrict_to(("clerk",), FENCE)
    subject.log_in("clerk")
    assert [session.person for session in await subject.connector.sessions()] == ["clerk"]


async def test_a_ledger_that_is_not_held_cannot_be_restricted(subject: Subject) -> None:
    with pytest.raises(NotExclusive):
        await subject.connector.restrict_to(("clerk",), FENCE)


async def test_everybody_may_come_back_once_it_is_let_go(subject: Subject) -> None:
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    await subject.connector.leave_exclusive(FENCE)
    await subject.connector.leave_exclusive(FENCE)
    subject.log_in("warehouse")
    assert "warehouse" in {session.person for session in await subject.connector.sessions()}


async def test_a_lower_fence_can_do_nothing_any_more(subject: Subject) -> None:
    step = (await subject.plan()).steps[0]
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    late, soon = FENCE - 1, datetime.now(UTC) + timedelta(hours=1)
    acts: tuple[Awaitable[object], ...] = (
        subject.connector.warn_sessions(timedelta(minutes=1), late, "UC-LATE"),
        subject.connector.enter_exclusive(late, "UC-LATE"),
        subject.connector.restrict_to(("clerk",), late),
        subject.connector.leave_exclusive(late),
        subject.connector.grant(("clerk",), "some_right", soon, late),
        subject.connector.revoke(("clerk",), "some_right", late),
        subject.connector.unclose(step, late, "UC-LATE/1"),
        subject.connector.close(step, late, "UC-LATE/2"),
    )
    for act in acts:
        with pytest.raises(StaleFence):
            await act
    assert await subject.connector.journal("UC-LATE") == ()


async def test_a_lower_fence_is_refused_after_the_ledger_was_let_go_as_well(subject: Subject) -> None:
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    await subject.connector.leave_exclusive(FENCE)
    with pytest.raises(StaleFence):
        await subject.connector.leave_exclusive(FENCE - 1)


async def test_a_higher_fence_does_not_take_a_ledger_whose_lease_runs(subject: Subject) -> None:
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    with pytest.raises(LedgerBusy):
        await subject.connector.enter_exclusive(FENCE + 1, "UC-NEXT")
    await subject.connector.leave_exclusive(FENCE + 1)
    await subject.connector.restrict_to(("clerk",), FENCE)
    await subject.connector.leave_exclusive(FENCE)
    await subject.connector.enter_exclusive(FENCE + 1, "UC-NEXT")


async def test_who_is_warned_stays_until_the_ledger_is_held(subject: Subject) -> None:
    subject.log_in("clerk")
    warned = [await subject.connector.warn_sessions(timedelta(0), FENCE, "UC-TEST") for _ in range(2)]
    assert "clerk" in {session.person for session in warned[0].sessions}
    assert warned[0].until == warned[1].until is not None
    assert "clerk" in {session.person for session in await subject.connector.sessions()}


async def test_a_right_can_be_given_and_taken_twice(subject: Subject) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    for _ in range(2):
        await subject.connector.grant(("clerk", "li"), "some_right", soon, FENCE)
    given = {held for held in await subject.connector.rights(("clerk", "li")) if held.right == "some_right"}
    assert given == {HeldRight(person, "some_right", soon) for person in ("clerk", "li")}
    for _ in range(2):
        await subject.connector.revoke(("clerk", "li"), "some_right", FENCE)
    left = await subject.connector.rights(("clerk", "li"))
    assert "some_right" not in {held.right for held in left}


async def test_a_right_whose_time_is_over_is_none(subject: Subject) -> None:
    await subject.connector.grant(("li",), "some_right", datetime.now(UTC) - timedelta(hours=1), FENCE)
    assert await subject.connector.rights(("li",)) == ()


# --------------------------------------------------------------------------- moving pointers


async def test_no_pointer_moves_unless_the_ledger_is_held(subject: Subject) -> None:
    step = (await subject.plan()).steps[0]
    with pytest.raises(NotExclusive):
        await subject.connector.unclose(step, FENCE, "UC-TEST/1")
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    await subject.connector.restrict_to(("clerk",), FENCE)
    with pytest.raises(NotExclusive):
        await subject.connector.unclose(step, FENCE, "UC-TEST/1")


async def test_each_step_moves_its_own_pointer_by_one_period(subject: Subject) -> None:
    plan, before = await subject.plan(), await subject.connector.read_close_state()
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    for step in plan.steps:
        await subject.connector.unclose(step, FENCE, key_of(step))
        after = await subject.connector.read_close_state()
        verify_movement(before, after, step, subject.books.calendar)
        assert after.revision != before.revision or not after.revision
        before = after


async def test_the_same_key_again_does_nothing(subject: Subject) -> None:
    step = (await subject.plan()).steps[0]
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    await subject.connector.unclose(step, FENCE, key_of(step))
    after = await subject.connector.read_close_state()
    await subject.connector.unclose(step, FENCE, key_of(step))
    assert await subject.connector.read_close_state() == after
    entries = await subject.connector.journal("UC-TEST/")
    assert [(entry.key, entry.fence) for entry in entries] == [(key_of(step), FENCE)]


async def test_a_step_out_of_order_is_refused(subject: Subject) -> None:
    plan = await subject.plan()
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    for step in plan.steps[1:]:
        with pytest.raises(OutOfOrder):
            await subject.connector.unclose(step, FENCE, key_of(step))
    with pytest.raises(OutOfOrder):
        await subject.connector.close(plan.steps[0], FENCE, "UC-TEST/close")


async def test_a_period_before_the_start_is_refused(subject: Subject) -> None:
    step = (await subject.plan()).steps[0]
    start = (await subject.connector.read_close_state()).of(step.module).start
    await subject.connector.enter_exclusive(FENCE, "UC-TEST")
    too_early = replace(step, period=subject.books.calendar.previous(start))
    with pytest.raises(BeforeStartPeriod):
        await subject.connector.unclose(too_early, FENCE, "UC-TEST/1")


async def test_opened_periods_have_no_balances_and_all_others_the_same(subject: Subject) -> None:
    before = await prove_ledger(subject.connector)
    _, plan = await subject.open_target()
    after = await prove_ledger(subject.connector)
    require_open(after, plan.touched)
    require_untouched(before, after, plan.touched)


async def test_closing_again_without_a_correction_gives_the_same_bytes(subject: Subject) -> None:
    proof = await prove_ledger(subject.connector)
    before, _ = await subject.open_target()
    mirror = plan_reclose(await subject.connector.read_close_state(), before, subject.books)
    for step in mirror.steps:
        assert step.verb == Verb.RECLOSE
        await subject.connector.close(step, FENCE, key_of(step))
    require_equal(proof, await prove_ledger(subject.connector))
    assert (await subject.connector.read_close_state()).pointers() == before.pointers()
    assert (await subject.connector.invariants()).broken_openings == ()


async def test_the_journal_tells_every_act_in_its_order(subject: Subject) -> None:
    _, plan = await subject.open_target()
    entries = await subject.connector.journal("UC-TEST/")
    assert [entry.key for entry in entries] == [key_of(step) for step in plan.steps]
    assert await subject.connector.journal("UC-OTHER/") == ()


# --------------------------------------------------------------------------- copies


async def test_a_copy_proves_equal_to_its_source(subject: Subject, tmp_path: Path) -> None:
    with copied(subject.connector, tmp_path) as scratch:
        scratch.check()
        restored = scratch.connector()
        require_equal(await prove_ledger(subject.connector), await prove_ledger(restored))
        await restored.aclose()
        assert scratch.exists()
    assert not scratch.exists()


async def test_a_damaged_copy_is_found_out(subject: Subject, tmp_path: Path) -> None:
    source = subject.connector.backup_source()
    with source.reading(tmp_path) as copy:
        damaged = subject.damage(read_whole(copy))
    scratch = source.scratch(tmp_path, "damaged")
    with pytest.raises(BackupUnproven):
        receive(scratch, damaged)
    scratch.remove()


async def test_a_copy_is_only_read_unless_it_is_made_to_be_acted_on(subject: Subject, tmp_path: Path) -> None:
    inside = await subject.connector.sessions()
    with copied(subject.connector, tmp_path) as scratch:
        restored = scratch.connector()
        with pytest.raises(LedgerRefused):
            await restored.enter_exclusive(FENCE, "UC-TEST")
        await restored.aclose()
        scratch.free()
        rehearsed = scratch.connector(read_only=False)
        await rehearsed.enter_exclusive(FENCE, "UC-TEST")
        await rehearsed.aclose()
    assert await subject.connector.sessions() == inside
    await subject.connector.enter_exclusive(1, "the original has seen no fence")


async def test_a_copy_taken_back_keeps_fence_holding_and_journal(subject: Subject, tmp_path: Path) -> None:
    connector, proof = subject.connector, await prove_ledger(subject.connector)
    with copied(connector, tmp_path) as scratch:
        before, plan = await subject.open_target()
        hold = Hold(FENCE, "UC-TEST", "UC-TEST/restore/X")
        kept = connector.backup_source().put_in_place(scratch, hold)
    require_equal(proof, await prove_ledger(connector))
    assert (await connector.read_close_state()).pointers() == before.pointers()
    assert [entry.key for entry in await connector.journal("UC-TEST/")] == [
        *(key_of(step) for step in plan.steps),
        hold.key,
    ]
    await connector.unclose(plan.steps[0], FENCE, key_of(plan.steps[0]))  # on record: not done again
    require_equal(proof, await prove_ledger(connector))
    with pytest.raises(StaleFence):
        await connector.enter_exclusive(FENCE - 1, "too late")
    with pytest.raises(UncloseError):
        await asyncio.to_thread(subject.log_in, "warehouse")
    await connector.unclose(plan.steps[0], FENCE, "a new wish")
    assert connector.backup_source().put_in_place(scratch, hold) == kept


@pytest.mark.parametrize("fence", [FENCE - 1, FENCE + 1])
async def test_only_the_fence_that_holds_a_ledger_takes_it_back(
    subject: Subject, fence: int, tmp_path: Path
) -> None:
    with copied(subject.connector, tmp_path) as scratch:
        await subject.open_target()
        opened = await prove_ledger(subject.connector)
        with pytest.raises((StaleFence, NotExclusive)):
            subject.connector.backup_source().put_in_place(scratch, Hold(fence, "UC-TEST", "k"))
    require_equal(opened, await prove_ledger(subject.connector))


@contextmanager
def copied(connector: LedgerConnector, folder: Path) -> Iterator[Scratch]:
    source = connector.backup_source()
    scratch = source.scratch(folder, "copied")
    with source.reading(folder) as copy:
        receive(scratch, read_whole(copy))
    try:
        yield scratch
    finally:
        scratch.remove()


def read_whole(copy: BinaryIO) -> bytes:
    return b"".join(iter(lambda: copy.read(1 << 20), b""))


def receive(scratch: Scratch, copy: bytes) -> None:
    with scratch.receiving() as sink:
        sink.write(copy)
    scratch.check()


async def _scope(subject: Subject) -> FindingScope:
    plan = await subject.plan()
    opened = tuple((step.module, step.period) for step in plan.steps)
    return FindingScope(subject.target, (subject.module,), opened, (), subject.executor)


def _bound(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.bound]


async def _rows(subject: Subject, place: Place) -> list[BalanceRow]:
    found: list[BalanceRow] = []
    is_balances = place.rows == Rows.BALANCES
    read = subject.connector.balances if is_balances else subject.connector.documents
    async with read(place.module, place.period) as chunks:
        async for period, rows in chunks:
            assert period == place.period
            found += rows
    return found
