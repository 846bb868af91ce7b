"""Where two states of a ledger differ: what was changed by hand, and what a case has changed."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment
from typing_extensions import override

from activities.backup.backing_up import BackupActivities
from activities.backup.keeper import BackupKeeper
from activities.comparison import ComparisonActivities, locate
from activities.demo_erp.creation import GRAPH
from activities.demo_erp.desk import Desk
from activities.demo_erp.documents import NewDocument, NewLine
from activities.demo_erp.rights import CORRECT
from activities.erp import connect
from activities.erp.connector import BalanceRow, LedgerConnector
from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_documents, prove_ledger
from activities.restored import StoredBackups
from activities.row_differences import differences
from tests.fake_world import FakeCatalogue, FakeLedger
from tests.integration.test_demo_ledger import (
    BOOKS,
    FENCE,
    MARCH,
    RECEIPT,
    close_again,
    open_period,
    plan_for,
)
from tests.postgres import TOOLS, Server
from tests.vaults import a_vault, keys_in
from workflows.domain.canonical import Place, RowLayout, Rows
from workflows.domain.difference import DocumentAction
from workflows.domain.errors import BackupUnproven, LedgerRefused
from workflows.domain.ledger import Module
from workflows.domain.location import MAX_ROWS, RowChange, Tally
from workflows.domain.period import Period
from workflows.domain.proof import differing
from workflows.ledger_steps import CompareOrder, LedgerReference, LocateOrder, ProveDocumentsOrder
from workflows.steps import BackupOrder

CALENDAR = BOOKS.calendar
CHUNK = 500


@pytest.fixture
async def live(path: Path) -> AsyncIterator[DemoConnector]:
    made = DemoConnector(DemoOptions(str(path)))
    yield made
    await made.aclose()


@pytest.fixture
async def before(demo_template: Path) -> AsyncIterator[DemoConnector]:
    """The ledger as it was made: what a backup taken then restores to."""
    made = DemoConnector(DemoOptions(str(demo_template), read_only=True))
    yield made
    await made.aclose()


def past_all_rules(path: Path, *statements: str) -> None:
    """What somebody with the database's password does: take the triggers away, and put them back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert db.execute(statement).rowcount == 1
        for _, sql in triggers:
            db.execute(sql)


# --------------------------------------------------------------------------- location


async def test_two_equal_ledgers_differ_nowhere(before: DemoConnector, live: DemoConnector) -> None:
    assert (await locate(before, live, CALENDAR)).is_equal


async def test_one_line_changed_by_hand_in_a_closed_period_is_located(
    path: Path, before: DemoConnector, live: DemoConnector
) -> None:
    past_all_rules(path, "UPDATE document_line SET qty = 9000 WHERE document = 'IN-2024-09-0003' AND n = 1")
    located = await locate(before, live, CALENDAR)
    (row,) = located.rows
    assert row.place == Place(Rows.DOCUMENTS, Module.INVENTORY, Period(2024, 9))
    assert row.change == RowChange.CHANGED
    assert row.key == (("sort", "document"), ("number", "IN-2024-09-0003"), ("line", "0001"))
    assert [(fact.name, fact.after) for fact in row.facts] == [("qty", "90.00")]
    assert [(each.place, each.rows) for each in located.places] == [(row.place, 1)]
    assert "IN-2024-09-0003" in str(row)


async def test_what_the_balances_cannot_show_the_documents_do(
    path: Path, before: DemoConnector, live: DemoConnector
) -> None:
    past_all_rules(path, "UPDATE document SET note = 'x' WHERE number = 'SI-2024-09-0003'")
    assert (await prove_ledger(before)).root == (await prove_ledger(live)).root
    was, now = [await prove_documents(side, CALENDAR) for side in (before, live)]
    assert differing(was, now) == ("receivable 2024-09",)


BY_HAND = {
    "a document deleted": (
        "DELETE FROM document WHERE number = 'PY-2024-09-0002'",
        Place(Rows.DOCUMENTS, Module.PAYABLE, Period(2024, 9)),
        RowChange.GONE,
    ),
    "an entry changed": (
        "UPDATE voucher_entry SET debit = debit + 1 WHERE voucher = 'V-2024-09-0001' AND n = 1",
        Place(Rows.DOCUMENTS, Module.GL, Period(2024, 9)),
        RowChange.CHANGED,
    ),
    "a count added": (
        "INSERT INTO count_line VALUES ('PD-2024-09-A', 'A-99', 'M-1102', 1, 1, NULL)",
        Place(Rows.DOCUMENTS, Module.INVENTORY, Period(2024, 9)),
        RowChange.ADDED,
    ),
    "a stock balance changed": (
        "UPDATE inventory_balance SET close_qty = close_qty + 1 WHERE warehouse = 'B' AND item = 'M-1102'"
        f" AND period = {CALENDAR.index(Period(2024, 9))}",
        Place(Rows.BALANCES, Module.INVENTORY, Period(2024, 9)),
        RowChange.CHANGED,
    ),
    "an account's balance removed": (
        f"DELETE FROM gl_balance WHERE account = '1405' AND period = {CALENDAR.index(Period(2024, 9))}",
        Place(Rows.BALANCES, Module.GL, Period(2024, 9)),
        RowChange.GONE,
    ),
}


@pytest.mark.parametrize("deed", BY_HAND)
async def test_what_was_done_by_hand_is_located(
    deed: str, path: Path, before: DemoConnector, live: DemoConnector
) -> None:
    statement, place, change = BY_HAND[deed]
    past_all_rules(path, statement)
    located = await locate(before, live, CALENDAR)
    assert {(row.place, row.change) for row in located.rows} == {(place, change)}


async def test_many_rows_are_told_in_part_and_counted_whole(
    path: Path, before: DemoConnector, live: DemoConnector
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        changed = db.execute("UPDATE document_line SET note = 'x' WHERE document LIKE 'OUT-2024-%'").rowcount
    located = await locate(before, live, CALENDAR)
    assert len(located.rows) == MAX_ROWS
    assert len(located.rows) + located.more == sum(each.changed for each in located.places) == changed


class ManyRows(FakeLedger):
    """A ledger with any number of balance rows, each of which one side has otherwise."""

    def __init__(self, rows: int, value: str, order: int = 1) -> None:
        super().__init__()
        self.rows, self.value, self.order = rows, value, order
        self.given = 0

    @override
    def layout(self, rows: Rows, module: Module) -> RowLayout:
        return RowLayout(("item",), ("qty",))

    @asynccontextmanager
    async def balances(
        self, module: Module, period: Period | None = None
    ) -> AsyncIterator[AsyncIterator[tuple[Period, list[BalanceRow]]]]:
        yield self._many()

    async def _many(self) -> AsyncIterator[tuple[Period, list[BalanceRow]]]:
        for start in range(0, self.rows, CHUNK)[:: self.order]:
            self.given += CHUNK
            yield MARCH, [(f"{n:09d}", self.value) for n in range(start, start + CHUNK)]


PLACE = Place(Rows.BALANCES, Module.INVENTORY, MARCH)


async def test_memory_does_not_grow_with_what_differs() -> None:
    before, after, tally, seen = ManyRows(20_000, "1"), ManyRows(20_000, "2"), Tally(), 0
    async for row in differences(before, after, PLACE):
        tally.add(row)
        seen += 1
        for side in (before, after):
            assert side.given <= seen + CHUNK, "more than one chunk of a side is held"
    assert tally.located().places[0].changed == 20_000
    assert len(tally.rows) == MAX_ROWS


async def test_rows_out_of_order_are_not_compared() -> None:
    with pytest.raises(LedgerRefused, match="order"):
        [row async for row in differences(ManyRows(1000, "1"), ManyRows(1000, "1", order=-1), PLACE)]


async def test_rows_that_mean_something_else_are_not_compared(live: DemoConnector) -> None:
    with pytest.raises(LedgerRefused, match="lay out"):
        [row async for row in differences(ManyRows(1000, "1"), live, PLACE)]


# --------------------------------------------------------------------------- the steps


class OneLedger:
    def __init__(self, demo: DemoConnector) -> None:
        self.demo = demo

    def connector(self, ledger: str) -> DemoConnector:
        return self.demo


class OneBackup:
    """The ledger as it was made is the only backup there is."""

    def __init__(self, before: DemoConnector) -> None:
        self.before = before

    @asynccontextmanager
    async def opened(self, ledger: str, backup: str) -> AsyncIterator[LedgerConnector]:
        assert backup == "UC-1-B"
        yield self.before


@pytest.fixture
def steps(before: DemoConnector, live: DemoConnector, tmp_path: Path) -> ComparisonActivities:
    return ComparisonActivities(OneLedger(live), OneBackup(before), tmp_path / "evidence")


@pytest.fixture
def clerk(live: DemoConnector) -> Iterator[Desk]:
    with Desk(live.ledger).seat("warehouse") as desk:
        yield desk


async def test_the_step_locates_between_a_backup_and_the_live_ledger(
    path: Path, steps: ComparisonActivities
) -> None:
    past_all_rules(path, "UPDATE document_line SET qty = 9000 WHERE document = 'IN-2024-09-0003' AND n = 1")
    located = await ActivityEnvironment().run(steps.locate, against("UC-1-B"))
    assert [str(each.place) for each in located.places] == ["documents of inventory 2024-09"]


async def test_the_step_proves_the_documents(steps: ComparisonActivities, live: DemoConnector) -> None:
    order = ProveDocumentsOrder(case="UC-1", ledger="demo", calendar=CALENDAR)
    proof = await ActivityEnvironment().run(steps.prove_documents, order)
    assert proof == await prove_documents(live, CALENDAR)
    assert proof.root != (await prove_ledger(live)).root
    assert {leaf.period for leaf in proof.leaves} == set(CALENDAR.span(Period(2024, 1), Period(2025, 5)))


# --------------------------------------------------------------------------- the difference of a case


async def a_whole_case(live: DemoConnector) -> CompareOrder:
    """March opened, three documents worked on by those who may, and everything closed again."""
    plan = await plan_for(live, MARCH)
    before, mark = await open_period(live, MARCH), await live.mark()
    await live.restrict_to(("warehouse",), FENCE)
    await live.grant(("warehouse",), CORRECT, datetime.now(UTC) + timedelta(hours=1), FENCE)
    await asyncio.to_thread(correct, Desk(live.ledger))
    await close_again(live, before)
    return CompareOrder(case="UC-1", ledger="demo", backup="UC-1-B", touched=tuple(plan.touched), mark=mark)


def correct(desk: Desk) -> None:
    line = NewLine("M-1102", Decimal(5), Decimal("21.83"))
    new = NewDocument("purchase_receipt", MARCH_DAY, (line,), warehouse="B", partner="S01", number="IN-NEW")
    with desk.seat("warehouse"):
        desk.correct_quantity("warehouse", RECEIPT, 1, Decimal(100), "少录 20")
        desk.add_audited("warehouse", new)
        desk.delete_audited("warehouse", "TR-2025-03-0001")
        desk.unaudit("warehouse", "IN-2025-03-0001")
        desk.audit("warehouse", "IN-2025-03-0001")


MARCH_DAY = datetime(2025, 3, 9, tzinfo=UTC).date()


async def test_the_difference_tells_documents_and_balances(
    live: DemoConnector, steps: ComparisonActivities
) -> None:
    difference = await ActivityEnvironment().run(steps.compare, await a_whole_case(live))
    people = {each.document: each for each in difference.documents if each.sort == "document"}
    assert {number: each.action for number, each in people.items()} == {
        RECEIPT: DocumentAction.CHANGED,
        "IN-NEW": DocumentAction.ADDED,
        "TR-2025-03-0001": DocumentAction.DELETED,
    }
    fields = {(f.line, f.name): (f.before, f.after) for f in people[RECEIPT].fields}
    assert fields["0001", "qty"] == ("80.00", "100.00")
    assert [entry.person for entry in people[RECEIPT].entries] == ["warehouse"] * 3
    assert any("少录 20" in entry.note for entry in people[RECEIPT].entries)
    assert difference.without_effect == ("IN-2025-03-0001",)
    assert difference.unlogged == ()
    assert difference.more_documents == 0
    proven = (await prove_documents(live, CALENDAR)).by_place()
    assert difference.closed["inventory 2025-03"] == proven[Module.INVENTORY, MARCH].digest

    closing = next(
        row
        for row in difference.balances.rows
        if row.place == PLACE and dict(row.key) == {"warehouse": "B", "item": "M-1102"}
    )
    facts = {fact.name: (fact.before, fact.after) for fact in closing.facts}
    assert Decimal(facts["close_qty"][1]) - Decimal(facts["close_qty"][0]) == Decimal(25)
    accounts = {dict(row.key).get("account") for row in difference.balances.rows}
    assert {"1405", "2203"} <= accounts
    net = {(each.module, each.period, each.measure): each.amount for each in difference.net}
    assert net[Module.INVENTORY, MARCH, "close_qty"] == Decimal(25)
    assert (
        sum(each.amount for each in difference.net if each.measure == "close_amount" and each.module == "gl")
        == 0
    )


async def test_the_whole_difference_is_a_file_that_says_the_same_each_time(
    live: DemoConnector, steps: ComparisonActivities, tmp_path: Path
) -> None:
    order = await a_whole_case(live)
    difference = await ActivityEnvironment().run(steps.compare, order)
    artefact = difference.artefact
    assert artefact is not None
    content = (tmp_path / artefact.path).read_bytes()
    assert artefact.sha256 == sha256(content).hexdigest()
    lines = [json.loads(line) for line in content.splitlines()]
    assert len(lines) == artefact.lines
    assert sum("place" in line for line in lines) == sum(each.rows for each in difference.balances.places)
    assert await ActivityEnvironment().run(steps.compare, order) == difference


async def test_a_document_changed_past_the_erp_is_told_apart(
    path: Path, live: DemoConnector, steps: ComparisonActivities
) -> None:
    order = await a_whole_case(live)
    past_all_rules(path, "UPDATE document SET note = 'x' WHERE number = 'IN-2025-03-0002'")
    difference = await ActivityEnvironment().run(steps.compare, order)
    assert difference.unlogged == ("IN-2025-03-0002",)


# --------------------------------------------------------------------------- real backups, both databases


async def test_a_stored_backup_is_restored_and_compared(
    path: Path, live: DemoConnector, tmp_path: Path
) -> None:
    vault, scratch = a_vault(tmp_path / "store", keys_in(tmp_path)), tmp_path / "scratch"
    keeper = BackupKeeper(OneLedger(live), vault, FakeCatalogue(), scratch)
    order = BackupOrder(case="UC-1", ledger="demo", point="B")
    backup = await ActivityEnvironment().run(BackupActivities(keeper).back_up, order)
    past_all_rules(path, "UPDATE document_line SET qty = 9000 WHERE document = 'IN-2024-09-0003' AND n = 1")

    steps = ComparisonActivities(OneLedger(live), StoredBackups(keeper), tmp_path / "evidence")
    located = await ActivityEnvironment().run(steps.locate, against(backup.id))
    assert [dict(row.key)["number"] for row in located.rows] == ["IN-2024-09-0003"]
    assert list(scratch.rglob("*seen*")) == []
    with pytest.raises(BackupUnproven, match="not in the store"):
        await ActivityEnvironment().run(steps.locate, against("UC-2-B"))


def against(backup: str) -> LocateOrder:
    before, after = LedgerReference("demo", backup), LedgerReference("demo")
    return LocateOrder(case="UC-1", ledger="demo", before=before, after=after, calendar=CALENDAR)


async def test_the_same_ledger_on_another_database_is_equal_row_by_row(
    before: DemoConnector, postgres: Server, demo_on_postgres: str
) -> None:
    with postgres.database(demo_on_postgres) as name:
        other = connect(DemoOptions(postgres.url(name)), TOOLS)
        for module in GRAPH.modules:
            for rows in Rows:
                place = Place(rows, module, MARCH)
                assert [str(row) async for row in differences(before, other, place)] == []
        assert await prove_documents(other, CALENDAR) == await prove_documents(before, CALENDAR)
        await other.aclose()
