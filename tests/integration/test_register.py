"""The register on a real database: once is once, late repeats change nothing, one holder per ledger."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, func, select

from service.database import Database, open_database
from service.migrate import upgrade
from service.queries import CaseFilter, Reader, Slice, TaskFilter, Viewer
from service.refusals import CursorUnreadable
from service.register import SqlRegister
from service.tables import case_events, cases, decisions
from workflows.domain.approval import Group
from workflows.domain.case import (
    Actor,
    CaseChange,
    CaseEvent,
    EventKind,
    Task,
    TaskAction,
    TaskClosing,
    TaskKind,
)
from workflows.domain.digest import Json, sha256
from workflows.domain.errors import EventsDiverged, StorageUnavailable, UnknownRequest
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.request import CaseState, Intent, ReasonCode, ScopeItem, UncloseRequest

NOON = datetime(2025, 6, 3, 4, 0, tzinfo=UTC)
CASE = "UC-2025-000001"
DIGEST = "d" * 64


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(upgrade, url)
    opened = open_database(url)
    yield opened
    await opened.aclose()


@pytest.fixture
async def register(database: Database) -> SqlRegister:
    taken = SqlRegister(database)
    await taken.receive(a_request())
    return taken


def a_request(case: str = CASE, **facts: object) -> UncloseRequest:
    request = UncloseRequest(
        id=case,
        ledger="demo",
        target_period=Period(2025, 3),
        modules=(Module.INVENTORY,),
        reason_code=ReasonCode.STOCKTAKE_OMISSION,
        reason="三月盘点遗漏 B 仓两个货位",
        applicant="clerk",
        accepted_at=NOON,
        scope=(ScopeItem("IN-2025-03-0007", Intent.CORRECT, "数量少录 20"),),
    )
    return replace(request, **facts)  # type: ignore[arg-type]  # the names are the caller's


def an_event(seq: int, kind: EventKind = EventKind.STATE_CHANGED, **data: Json) -> CaseEvent:
    return CaseEvent(seq, NOON + timedelta(seconds=seq), "unclose", None, kind, data, "")


def a_change(*events: CaseEvent, state: CaseState = CaseState.APPROVING, case: str = CASE) -> CaseChange:
    return CaseChange(case, state, events or (an_event(1, to="checking"),))


def a_task(name: str = "finance", **facts: object) -> Task:
    task = Task(
        id=f"{CASE}-approval-1-{name}",
        kind=TaskKind.APPROVAL,
        name=name,
        groups=(Group.FINANCE,),
        persons=("finance",),
        actions=(TaskAction.APPROVE, TaskAction.REJECT),
        digest=DIGEST,
        opened_at=NOON,
        due=NOON + timedelta(hours=72),
    )
    return replace(task, **facts)  # type: ignore[arg-type]  # the names are the caller's


async def count(database: Database, table: Table = case_events) -> int:
    def work(connection: Connection) -> int:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()

    return await database.read(work)


# --------------------------------------------------------------------------- transactions


async def test_leaving_a_transaction_early_rolls_it_back(database: Database) -> None:
    def half(connection: Connection) -> None:
        connection.execute(cases.insert().values(_row()))
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(half)

    assert await count(database, cases) == 0


def _row() -> dict[str, object]:
    return {
        "id": CASE,
        "ledger": "demo",
        "target_period": "2025-03",
        "applicant": "clerk",
        "request": {},
        "state": "received",
        "waiting_for": [],
        "last_seq": 0,
        "head_digest": "",
        "created_at": NOON,
        "updated_at": NOON,
    }


async def test_a_database_without_tables_is_a_store_that_does_not_answer(tmp_path: Path) -> None:
    empty = open_database(f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite'}")

    with pytest.raises(StorageUnavailable):
        await SqlRegister(empty).receive(a_request())

    await empty.aclose()


# --------------------------------------------------------------------------- receiving and recording


async def test_a_request_reads_back_as_it_was_received(register: SqlRegister) -> None:
    assert (await register.case_file(CASE)).request == a_request()


async def test_receiving_twice_leaves_the_row_as_it_is(register: SqlRegister, database: Database) -> None:
    await register.record(a_change())
    await register.receive(a_request())

    assert (await Reader(database).case(CASE)).state == CaseState.APPROVING


async def test_recording_twice_is_recording_once(register: SqlRegister, database: Database) -> None:
    change = replace(
        a_change(an_event(1), an_event(2, EventKind.DECIDED, **a_decision())), opened=(a_task(),)
    )

    await register.record(change)
    await register.record(change)

    assert await count(database) == 2
    assert await count(database, decisions) == 1


def a_decision(answer: str = "approve") -> dict[str, Json]:
    return {
        "task": "t",
        "level": 2,
        "name": "finance",
        "group": "finance",
        "answer": answer,
        "digest": DIGEST,
        "comment": "同意",
    }


async def test_a_late_repeat_does_not_turn_the_state_back(register: SqlRegister, database: Database) -> None:
    early, late = a_change(an_event(1)), a_change(an_event(2), state=CaseState.PROTECTING)

    await register.record(early)
    await register.record(late)
    await register.record(early)

    assert (await Reader(database).case(CASE)).state == CaseState.PROTECTING


async def test_a_change_half_known_adds_only_its_news(register: SqlRegister, database: Database) -> None:
    await register.record(a_change(an_event(1)))
    await register.record(a_change(an_event(1), an_event(2), state=CaseState.PROTECTING))

    news = await Reader(database).news(CASE)
    assert [event.seq for event in news.events] == [1, 2]


async def test_another_tale_of_a_known_event_is_refused(register: SqlRegister) -> None:
    await register.record(a_change(an_event(1, to="checking")))

    with pytest.raises(EventsDiverged):
        await register.record(a_change(an_event(1, to="withdrawn")))


async def test_every_event_holds_the_digest_of_the_one_before(register: SqlRegister) -> None:
    await register.record(a_change(an_event(1), an_event(2)))
    await register.record(a_change(an_event(3)))

    events = (await register.case_file(CASE)).events
    chain = [e.digest_of_previous for e in events]
    assert chain == [sha256(CASE), events[0].digest, events[1].digest], "it begins with the case"


async def test_recording_for_a_case_that_was_not_received_is_refused(register: SqlRegister) -> None:
    with pytest.raises(UnknownRequest):
        await register.record(a_change(case="UC-2025-999999"))


async def test_parts_show_in_the_head_and_in_the_file(register: SqlRegister, database: Database) -> None:
    parts: dict[str, Json] = {"digest": DIGEST, "risk": "low", "clocks": {"a_ms": 1500, "b_ms": None}}
    await register.record(replace(a_change(), parts=parts))

    head = await Reader(database).case(CASE)
    assert (head.digest, head.risk, head.clock_a_ms, head.clock_b_ms) == (DIGEST, "low", 1500, None)
    assert (await register.case_file(CASE)).parts == parts


# --------------------------------------------------------------------------- projections


async def test_a_drift_makes_earlier_decisions_void(register: SqlRegister, database: Database) -> None:
    await register.record(a_change(an_event(1, EventKind.DECIDED, **a_decision())))
    await register.record(a_change(an_event(2, EventKind.DECISIONS_VOID, difference={})))
    await register.record(a_change(an_event(3, EventKind.DECIDED, **a_decision())))

    void = await database.read(
        lambda db: db.execute(select(decisions.c.void).order_by(decisions.c.seq)).scalars().all()
    )
    assert void == [True, False]


# --------------------------------------------------------------------------- tasks and lists


async def test_tasks_are_opened_and_closed_once(register: SqlRegister, database: Database) -> None:
    task = a_task()
    closing = TaskClosing(task.id, "approve", "finance", NOON)
    await register.record(replace(a_change(an_event(1)), opened=(task,)))
    await register.record(replace(a_change(an_event(2)), closed=(closing,)))
    await register.record(
        replace(a_change(an_event(3)), opened=(task,), closed=(replace(closing, by="other"),))
    )

    found = (await Reader(database).tasks(TaskFilter(), Slice())).items
    assert [(view.is_open, view.closed_by) for view in found] == [(False, "finance")]


async def test_what_only_a_dead_worker_told_binds_nobody(register: SqlRegister, database: Database) -> None:
    ghost, kept = a_task("ghost"), a_task("kept")
    closing = TaskClosing(kept.id, "approve", "finance", NOON)
    lost = an_event(2, EventKind.DECIDED, **a_decision())
    await register.record(replace(a_change(an_event(1)), opened=(kept,)))
    await register.record(replace(a_change(lost), opened=(ghost,), closed=(closing,)))

    resumed = an_event(3, EventKind.RESUMED, told_otherwise_from=2, open_tasks=[kept.id])
    await register.record(replace(a_change(resumed), opened=(kept,)))

    found = (await Reader(database).tasks(TaskFilter(), Slice())).items
    assert {view.name: (view.is_open, view.outcome) for view in found} == {
        "ghost": (False, "void"),
        "kept": (True, None),
    }
    void = await database.read(lambda db: db.execute(select(decisions.c.void)).scalars().all())
    assert void == [True]


async def test_a_task_lost_with_its_worker_is_open_again_when_it_is_told_anew_later(
    register: SqlRegister, database: Database
) -> None:
    task = a_task()
    await register.record(a_change(an_event(1)))
    await register.record(replace(a_change(an_event(2)), opened=(task,)))
    resumed = an_event(3, EventKind.RESUMED, told_otherwise_from=2, open_tasks=[])
    await register.record(a_change(resumed))
    await register.record(replace(a_change(an_event(4)), opened=(task,)))

    finance = TaskFilter(mine=Viewer(Actor("finance", (Group.FINANCE,))), is_open=True)
    found = (await Reader(database).tasks(finance, Slice())).items
    assert [(view.name, view.is_open, view.outcome) for view in found] == [(task.name, True, None)]


@pytest.mark.parametrize(
    ("person", "groups", "sees"),
    [
        ("finance", (Group.FINANCE,), ["named"]),
        ("newcomer", (Group.FINANCE,), []),
        ("erp-admin", (Group.ERP_ADMIN,), ["for the group"]),
    ],
)
async def test_an_inbox_holds_what_one_may_act_on(
    register: SqlRegister, database: Database, person: str, groups: tuple[Group, ...], sees: list[str]
) -> None:
    for_the_group = a_task("for the group", persons=(), groups=(Group.ERP_ADMIN, Group.FINANCE_HEAD))
    await register.record(replace(a_change(), opened=(a_task("named"), for_the_group)))

    wanted = TaskFilter(mine=Viewer(Actor(person, groups)), is_open=True)
    assert [view.name for view in (await Reader(database).tasks(wanted, Slice())).items] == sees


async def test_pages_follow_each_other_without_gap_or_overlap(database: Database) -> None:
    register, reader = SqlRegister(database), Reader(database)
    for n in range(1, 8):
        # Two at a time share their moment, so that only the number tells them apart.
        await register.receive(a_request(f"UC-2025-{n:06d}", accepted_at=NOON + timedelta(seconds=n // 2)))

    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await reader.cases(CaseFilter(), Slice(3, cursor))
        seen += [head.request.id for head in page.items]
        cursor = page.next
        if cursor is None:
            break

    assert seen == [f"UC-2025-{n:06d}" for n in range(7, 0, -1)]


async def test_a_cursor_from_elsewhere_is_refused(database: Database) -> None:
    with pytest.raises(CursorUnreadable):
        await Reader(database).cases(CaseFilter(), Slice(3, "bm9uc2Vuc2U="))


async def test_cases_are_found_by_whom_they_wait_for(register: SqlRegister, database: Database) -> None:
    reader = Reader(database)
    await register.record(replace(a_change(an_event(1)), waiting_for=("warehouse",)))
    await register.record(replace(a_change(an_event(2)), waiting_for=("finance", "it")))

    found = {
        who: len((await reader.cases(CaseFilter(waiting_for=who), Slice())).items)
        for who in ("warehouse", "finance", "it")
    }
    assert found == {"warehouse": 0, "finance": 1, "it": 1}


@pytest.mark.parametrize(
    ("words", "found"),
    [("b 仓", 1), ("in-2025-03-0007", 1), ("盘点 clerk", 1), ("盘点 nobody", 0), ("100%", 0)],
)
async def test_cases_are_found_by_words(
    register: SqlRegister, database: Database, words: str, found: int
) -> None:
    assert len((await Reader(database).cases(CaseFilter(words=words), Slice())).items) == found


# --------------------------------------------------------------------------- the lease


async def test_of_many_that_want_the_ledger_one_gets_it(register: SqlRegister) -> None:
    leases = await asyncio.gather(*(register.take_lease("demo", f"UC-{n}") for n in range(10)))

    assert len({lease.holder for lease in leases}) == 1
    assert {lease.fence for lease in leases} == {1}


async def test_the_fence_rises_for_ever(register: SqlRegister) -> None:
    fences = []
    for case in ("a", "b", "a"):
        fences.append((await register.take_lease("demo", case)).fence)
        await register.release_lease("demo", case)

    assert fences == [1, 2, 3]
    assert (await register.lease("demo")).holder is None


async def test_the_holder_keeps_its_fence(register: SqlRegister) -> None:
    first = await register.take_lease("demo", "a")
    assert await register.take_lease("demo", "a") == first


async def test_only_the_holder_can_give_the_ledger_back(register: SqlRegister) -> None:
    await register.take_lease("demo", "a")
    await register.release_lease("demo", "b")

    assert (await register.lease("demo")).holder == "a"


def _take_many(url: str, name: str, times: int) -> None:
    async def take() -> None:
        database = open_database(url)
        register = SqlRegister(database)
        for _ in range(times):
            if (await register.take_lease("demo", name)).holder == name:
                await register.release_lease("demo", name)
        await database.aclose()

    asyncio.run(take())


async def test_two_processes_never_hold_the_ledger_together(register: SqlRegister, url: str) -> None:
    spawning = multiprocessing.get_context("spawn")
    others = [spawning.Process(target=_take_many, args=(url, name, 40)) for name in ("a", "b")]
    for process in others:
        process.start()
    for process in others:
        await asyncio.to_thread(process.join)

    assert [process.exitcode for process in others] == [0, 0]
    # Whoever took it got a fence of its own: none was given twice.
    assert (await register.lease("demo")).holder is None
    assert (await register.take_lease("demo", "c")).fence <= 81
