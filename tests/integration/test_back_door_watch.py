"""The back-door watch on the demo ledger: three hands in the database, and a week of ordinary work."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from activities.demo_erp import dialect, pointers, tables
from activities.demo_erp.creation import close_periods
from activities.demo_erp.desk import Desk
from activities.demo_erp.documents import NewDocument, NewLine
from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.seed import DEMO
from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_documents, prove_ledger
from activities.watching import Watch
from service.database import Database, open_database
from service.queries import Reader, Slice, TaskFilter, Viewer
from service.register import SqlRegister
from service.standing_tasks import StandingTasks, StandingView
from service.tables import admin_events
from service.task_list import task_list
from service.watch_register import SqlWatchRegister
from tests.builders import a_request
from tests.one_ledger import OneLedger
from workflows.domain.approval import Group
from workflows.domain.case import Actor, CaseChange, CaseEvent, EventKind, TaskKind
from workflows.domain.difference import Difference
from workflows.domain.digest import Json, to_json
from workflows.domain.errors import ActIncomplete, NotAnOperator, StandingTaskClosed
from workflows.domain.ledger import Module, Verb
from workflows.domain.period import Period
from workflows.domain.request import CaseState
from workflows.periodic_steps import JobDone, JobOrder

MONDAY = datetime(2025, 6, 30, 1, tzinfo=UTC)
HEAD = Actor("finance-head", (Group.FINANCE_HEAD,))
MAY = Period(2025, 5)


@dataclass
class Office:
    """The watch, the ledger it looks at, and the register it keeps its knowledge in."""

    watch: Watch
    connector: DemoConnector
    register: SqlRegister
    database: Database
    standing: StandingTasks
    runs: int = 0

    @property
    def ledger(self) -> DemoLedger:
        return self.connector.ledger

    async def look(self) -> JobDone:
        """One run, as its schedule would start it."""
        self.runs += 1
        at = MONDAY + timedelta(hours=self.runs)
        order = JobOrder(schedule="watch.demo", job="watch", ledger="demo", run=f"run-{self.runs}", at=at)
        prepared = await self.watch.prepare(order)
        if not prepared.go_on:
            return JobDone(prepared.facts)
        order = replace(order, before=prepared.before)
        order = replace(order, seen=await self.watch.look(order))
        done = await self.watch.judge(order)
        assert (await self.watch.judge(order)).facts.get("alarms", []) == [], "a repeated run raises nothing"
        return done

    async def alarms(self) -> dict[str, StandingView]:
        page = await self.standing.page(TaskFilter(is_open=True), Slice())
        return {view.code: view for view in page.items}


@pytest.fixture
async def office(tmp_path: Path, path: Path, empty_register: Path) -> AsyncIterator[Office]:
    connector = DemoConnector(DemoOptions(str(path)))
    database = open_database(f"sqlite+aiosqlite:///{shutil.copy(empty_register, tmp_path / 'r.sqlite')}")
    register, one = SqlRegister(database), OneLedger(connector)
    watch = Watch(one, one, register, SqlWatchRegister(database))
    yield Office(watch, connector, register, database, StandingTasks(database))
    await connector.aclose()
    await database.aclose()


def move_the_pointer(ledger: DemoLedger) -> None:
    with ledger.writing() as db:
        pointers.shove(db, Verb.UNCLOSE, Module.GL, ledger.book.index(Period(2025, 6)))


def edit_a_closed_document(ledger: DemoLedger) -> None:
    line = tables.document_line.c
    edited = update(tables.document_line).where(line.document == "IN-2025-03-0007", line.n == 1)
    with ledger.writing() as db, dialect.without_rules(db, tables.document_line.name):
        db.execute(edited.values(qty=line.qty + 1))


def remove_a_lock(ledger: DemoLedger) -> None:
    lock = tables.module_lock.c
    with ledger.writing() as db:
        chosen = (
            db.execute(select(lock.period).where(lock.module == "gl").order_by(lock.period)).scalars().first()
        )
        db.execute(delete(tables.module_lock).where(lock.module == "gl", lock.period == chosen))


async def test_three_hands_in_the_database_are_three_alarms_within_one_run(office: Office) -> None:
    assert (await office.look()).facts["first_look"]
    for hand in (move_the_pointer, edit_a_closed_document, remove_a_lock):
        hand(office.ledger)
    done = await office.look()
    alarms = await office.alarms()
    assert set(alarms) == {"pointer_moved_back", "closed_documents_changed", "lock_removed"}
    assert len(done.facts["alarms"]) == 3  # type: ignore[arg-type]  # a list in JSON
    pointer = alarms["pointer_moved_back"]
    assert (pointer.kind, pointer.owner, pointer.ledger) == (TaskKind.ATTENTION, Group.FINANCE_HEAD, "demo")
    assert (pointer.facts["was"], pointer.facts["now"]) == (["2025-06"], ["2025-05"])
    assert alarms["closed_documents_changed"].facts["places"] == ["inventory 2025-03"]
    assert alarms["closed_documents_changed"].facts["log_knows"] is False

    assert (await office.look()).facts["alarms"] == []
    assert len(await office.alarms()) == 3


async def test_an_alarm_stands_in_the_inbox_until_its_owner_closes_it_with_a_comment(office: Office) -> None:
    await office.look()
    remove_a_lock(office.ledger)
    await office.look()
    reader = Reader(office.database)
    mine = TaskFilter(Viewer(HEAD), True, TaskKind.ATTENTION)
    (task,) = (await task_list(reader, office.standing, mine, Slice())).items
    clerk = TaskFilter(Viewer(Actor("clerk", (Group.APPLICANT,))), True)
    assert (await task_list(reader, office.standing, clerk, Slice())).items == ()
    with pytest.raises(ActIncomplete):
        await office.standing.close(task.id, HEAD, "")
    with pytest.raises(NotAnOperator):
        await office.standing.close(task.id, Actor("operator", (Group.OPERATOR,)), "mine")
    for _ in range(2):
        closed = await office.standing.close(task.id, HEAD, "年审后解除，已补记录")
    assert (closed.is_open, closed.closed_by, closed.outcome) == (
        False,
        "finance-head",
        "年审后解除，已补记录",
    )
    with pytest.raises(StandingTaskClosed):
        await office.standing.close(task.id, HEAD, "otherwise")
    rows = await office.database.read(lambda c: c.execute(select(admin_events)).all())
    assert [(row.actor, row.kind) for row in rows] == [
        ("watch", "standing_task_opened"),
        ("finance-head", "standing_task_closed"),
    ]


async def test_a_week_of_ordinary_work_raises_nothing(office: Office) -> None:
    """Documents in the open period, a month's end closed by the ERP's own people, new locks."""
    await office.look()
    desk = Desk(office.ledger)
    like = desk.read(next(d.number for d in desk.documents(MAY, "purchase_receipt")))
    line = next(line for line in like.lines if line.item)
    for day in range(1, 6):
        lines = (NewLine(str(line.item), Decimal(3), Decimal(2)),)
        new = NewDocument(
            "purchase_receipt", date(2025, 6, 20 + day), lines, like.warehouse, partner=like.partner
        )
        with desk.seat("warehouse"):
            desk.add_audited("warehouse", new)
    assert (await office.look()).facts["alarms"] == []
    with desk.seat("finance"):
        desk.lock("finance", MAY, (Module.GL,))
    close_periods(office.ledger, DEMO.graph, [Period(2025, 6)])
    done = await office.look()
    assert done.facts["alarms"] == []
    assert set(done.facts["moved_forward"]) == {str(module) for module in DEMO.graph.modules}  # type: ignore[arg-type]  # an object in JSON
    assert await office.alarms() == {}
    edit_a_closed_document(office.ledger)
    assert len((await office.look()).facts["alarms"]) == 1  # type: ignore[arg-type]  # a list in JSON


async def test_nothing_is_looked_at_while_a_case_holds_the_ledger(office: Office) -> None:
    await office.look()
    await office.register.take_lease("demo", "UC-2025-000001")
    move_the_pointer(office.ledger)
    assert (await office.look()).facts == {"held_by": "UC-2025-000001"}
    await office.register.release_lease("demo", "UC-2025-000001")
    assert set((await office.look()).facts["alarms"]) == {  # type: ignore[arg-type]  # a list in JSON
        view.id for view in (await office.alarms()).values()
    }
    assert set(await office.alarms()) == {"pointer_moved_back"}


CASE = "UC-2025-000007"
WHERE = ("inventory 2025-03", "inventory 2025-04", "inventory 2025-05")


async def a_case_that_has_ended(office: Office, *, compared: bool) -> None:
    """What a case that has opened three periods leaves on record, as its workflow tells it."""
    await office.register.receive(a_request(id=CASE, ledger="demo"))
    lease = await office.register.take_lease("demo", CASE)
    proof = await prove_ledger(office.connector)
    parts: dict[str, Json] = {"proof_verified_closed": to_json(proof)}
    if compared:
        documents = (await prove_documents(office.connector, DEMO.calendar)).leaves
        closed = {leaf.place: leaf.digest for leaf in documents if leaf.place in WHERE}
        parts["difference"] = to_json(Difference(closed=closed))
    said: list[dict[str, Json]] = [{"fence": lease.fence}]
    said += [dict(zip(("module", "period"), place.split(), strict=True)) for place in WHERE]
    kinds = (EventKind.LEASE_TAKEN, *[EventKind.STEP_DONE] * len(WHERE))
    events = tuple(
        CaseEvent(n, MONDAY, "unclose", None, kind, data)
        for n, (kind, data) in enumerate(zip(kinds, said, strict=True), 1)
    )
    await office.register.record(CaseChange(CASE, CaseState.COMPLETED, events, parts=parts))
    await office.register.release_lease("demo", CASE)


@pytest.mark.parametrize("compared", [True, False])
async def test_a_document_edited_right_after_a_case_is_held_against_what_the_case_has_left(
    office: Office, compared: bool
) -> None:
    """Before the next run looks; only a case that could not be compared leaves nothing to hold against."""
    await office.look()
    await a_case_that_has_ended(office, compared=compared)
    edit_a_closed_document(office.ledger)
    done = await office.look()
    assert done.facts["opened_by_cases"] == list(WHERE)
    assert set(await office.alarms()) == ({"closed_documents_changed"} if compared else set())


async def test_what_a_case_has_corrected_alarms_nobody(office: Office) -> None:
    await office.look()
    edit_a_closed_document(office.ledger)  # by the case's own correctors, in its window
    await a_case_that_has_ended(office, compared=True)
    assert (await office.look()).facts["alarms"] == []
    assert (await office.look()).facts["alarms"] == []
