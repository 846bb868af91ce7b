"""红字冲减 at the demo ledger's desk: what cannot be un-closed is taken back by its negative."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from activities.demo_erp import tables
from activities.demo_erp.desk import Desk
from activities.demo_erp.kinds import Status
from activities.demo_erp.rights import CORRECT
from activities.erp.demo import DemoConnector, DemoOptions
from tests.integration.test_demo_ledger import FENCE, MARCH, close_again, findings, open_period, rows_of
from workflows.domain.corrections import undeclared
from workflows.domain.errors import LedgerRefused, PeriodClosed
from workflows.domain.findings import FindingCode, blockers
from workflows.domain.ledger import Module
from workflows.domain.request import Intent, ScopeItem

INVOICE, VOUCHER = "SI-2025-03-0001", "V-2025-03-0001"
TODAY, IN_MARCH = date(2025, 6, 12), date(2025, 3, 20)


@pytest.fixture
async def connector(path: Path) -> AsyncIterator[DemoConnector]:
    made = DemoConnector(DemoOptions(str(path)))
    yield made
    await made.aclose()


@pytest.fixture
def desk(connector: DemoConnector) -> Iterator[Desk]:
    with Desk(connector.ledger).seat("finance") as desk:
        yield desk


def test_an_invoice_of_a_closed_period_is_reversed_in_the_open_one(desk: Desk) -> None:
    original = desk.read(INVOICE)
    red = desk.read(desk.reverse("finance", INVOICE, TODAY, "客户拒收"))
    assert (red.amount, red.status, str(red.period)) == (-original.amount, Status.AUDITED, "2025-06")
    assert [(line.qty, line.amount) for line in red.lines] == [
        (-line.qty, -line.amount) for line in original.lines
    ]
    assert red.note == f"红字冲减 {INVOICE} 客户拒收"
    assert desk.read(INVOICE) == original


def test_a_voucher_is_reversed_on_the_same_sides(desk: Desk) -> None:
    red = desk.reverse("finance", VOUCHER, TODAY)
    e = tables.voucher_entry.c
    with desk.ledger.reading() as db:
        of = {
            number: db.execute(select(e.account, e.debit, e.credit).where(e.voucher == number)).all()
            for number in (VOUCHER, red)
        }
    assert [tuple(row) for row in of[red]] == [(a, -debit, -credit) for a, debit, credit in of[VOUCHER]]
    assert red.startswith("V-2025-06-")


@pytest.mark.parametrize("number", [INVOICE, VOUCHER])
def test_nothing_is_reversed_twice_or_back_again(desk: Desk, number: str) -> None:
    red = desk.reverse("finance", number, TODAY)
    with pytest.raises(LedgerRefused, match=red):
        desk.reverse("finance", number, TODAY)
    with pytest.raises(LedgerRefused, match="not to be reversed"):
        desk.reverse("finance", red, TODAY)


def test_a_reversal_that_was_deleted_again_does_not_count(desk: Desk) -> None:
    desk.delete_audited("finance", desk.reverse("finance", INVOICE, TODAY))
    assert desk.reverse("finance", INVOICE, TODAY)


@pytest.mark.parametrize("number", [INVOICE, VOUCHER])
def test_a_closed_period_takes_no_reversal(desk: Desk, number: str) -> None:
    with pytest.raises(PeriodClosed):
        desk.reverse("finance", number, IN_MARCH)


@pytest.mark.parametrize(
    ("number", "says"), [("IN-2025-03-0007", "moves stock"), ("SI-2099-01-0001", "no document")]
)
def test_what_is_no_invoice_or_voucher_is_not_reversed(desk: Desk, number: str, says: str) -> None:
    with pytest.raises(LedgerRefused, match=says):
        desk.reverse("finance", number, TODAY)


async def test_in_the_window_a_reversal_takes_the_customer_and_the_account_back(
    connector: DemoConnector,
) -> None:
    balances = await rows_of(connector, Module.RECEIVABLE)
    before = await open_period(connector, MARCH, Module.RECEIVABLE)
    mark = await connector.mark()
    await connector.restrict_to(("finance",), FENCE)
    await connector.grant(("finance",), CORRECT, datetime.now(UTC) + timedelta(hours=1), FENCE)
    with Desk(connector.ledger).seat("finance") as desk:
        original = desk.read(INVOICE)
        red = desk.reverse("finance", INVOICE, IN_MARCH)
    changes = await connector.changes_since(mark)
    await close_again(connector, before)

    def owed(of: dict[str, Decimal]) -> Decimal:
        return of[str(original.partner)]

    was, now = (
        {row[0]: Decimal(row[4]) for row in rows[MARCH]}
        for rows in (balances, await rows_of(connector, Module.RECEIVABLE))
    )
    assert owed(was) - owed(now) == original.amount
    invariants = await connector.invariants()
    assert (invariants.trial_balance, invariants.broken) == (Decimal(0), ())
    assert {change.document for change in changes} == {red}
    assert undeclared(changes, (ScopeItem(INVOICE, Intent.REVERSE),)) == ()
    assert undeclared(changes, (ScopeItem(INVOICE, Intent.CORRECT),)) == changes


@pytest.mark.parametrize("number", [INVOICE, VOUCHER, "RC-2025-03-0003"])
async def test_who_wants_to_reverse_is_not_sent_the_way_he_goes_already(
    number: str, connector: DemoConnector
) -> None:
    correcting = blockers(await findings(connector, MARCH, ScopeItem(number, Intent.CORRECT)))
    reversing = blockers(await findings(connector, MARCH, ScopeItem(number, Intent.REVERSE)))
    assert {f.code for f in correcting} & {FindingCode.REVERSAL_ROUTE, FindingCode.REFERENCED_DOWNSTREAM}
    assert reversing == ()
