"""Invoice lines become a ledger: each line a document line, and the periods closed by the ledger's rules."""

import gzip
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from activities.demo_erp.creation import GRAPH
from activities.demo_erp.desk import Desk
from activities.demo_erp.ledger import DemoLedger
from activities.demo_erp.retail import load_retail
from activities.demo_erp.retail_lines import InvoiceLinesUnreadable
from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_ledger
from workflows.domain.errors import LedgerRefused
from workflows.domain.findings import FindingScope, blockers
from workflows.domain.ledger import Module
from workflows.domain.period import Period
from workflows.domain.plan import Books, plan_reclose, plan_unclose
from workflows.domain.proof import require_equal

REAL = Path(__file__).parents[2].parent / "shared/data/online_retail.csv.gz"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
LINES = """\
536365,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,71053,"LANTERN, METAL",4,2010-12-01 08:26:00,3.39,17850.0,United Kingdom
536365,POST,POSTAGE,1,2010-12-01 08:26:00,18.00,17850.0,United Kingdom
C536379,85123A,WHITE HANGING HEART,-2,2010-12-02 09:41:00,2.55,17850.0,United Kingdom
C536380,D,Discount,-1,2010-12-02 09:42:00,27.50,17850.0,United Kingdom
536589,71053,damaged,-3,2010-12-03 16:50:00,0.0,,United Kingdom
536590,85123A,found,1,2010-12-03 16:51:00,0.0,,United Kingdom
536591,71053,,1,2010-12-04 10:00:00,0.0,17850.0,United Kingdom
537000,85123A,WHITE HANGING HEART,10,2011-01-04 10:00:00,2.95,13047.0,United Kingdom
A563185,B,Adjust bad debt,1,2011-01-05 14:50:00,-11.06,,United Kingdom
536365,71053,late again,1,2011-01-06 10:00:00,3.39,17850.0,United Kingdom
538000,85123A,WHITE HANGING HEART,1,2011-02-01 10:00:00,2.95,13047.0,United Kingdom
"""
DECEMBER, JANUARY = Period(2010, 12), Period(2011, 1)


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    path = tmp_path / "lines.csv"
    path.write_text(HEADER + LINES, "utf-8")
    return path


@pytest.fixture
def ledger_path(csv_file: Path) -> Path:
    return load_retail(csv_file, csv_file.with_name("retail.db"))


def test_each_line_goes_where_it_belongs(ledger_path: Path) -> None:
    with DemoLedger(str(ledger_path)) as ledger:
        desk = Desk(ledger)
        kinds = {d.number: (d.kind, d.amount) for p in (DECEMBER, JANUARY) for d in desk.documents(p)}
    assert kinds == {
        "IN-2010-12-0001": ("purchase_receipt", Decimal("25.45")),
        "PI-2010-12-0001": ("purchase_invoice", Decimal("25.45")),
        "OUT-536365": ("sales_issue", Decimal("28.86")),
        "SI-536365": ("sales_invoice", Decimal("46.86")),
        "RET-C536379": ("sales_return", Decimal("5.10")),
        "SI-C536379": ("sales_invoice", Decimal("-5.10")),
        "SI-C536380": ("sales_invoice", Decimal("-27.50")),
        "LOSS-536589": ("stock_loss", Decimal("0.00")),
        "GAIN-536590": ("stock_gain", Decimal("0.00")),
        "OUT-536591": ("sales_issue", Decimal("0.00")),
        "SI-536591": ("sales_invoice", Decimal("0.00")),
        "IN-2011-01-0001": ("purchase_receipt", kinds["IN-2011-01-0001"][1]),
        "PI-2011-01-0001": ("purchase_invoice", kinds["IN-2011-01-0001"][1]),
        "OUT-537000": ("sales_issue", Decimal("29.50")),
        "SI-537000": ("sales_invoice", Decimal("29.50")),
        "BD-A563185": ("bad_debt", Decimal("-11.06")),
        "OUT-536365-2": ("sales_issue", Decimal("3.39")),
        "SI-536365-2": ("sales_invoice", Decimal("3.39")),
    }


def test_services_and_goods_are_told_apart_on_the_invoice(ledger_path: Path) -> None:
    with DemoLedger(str(ledger_path)) as ledger:
        invoice = Desk(ledger).read("SI-536365")
    assert [(line.item, line.note, line.amount) for line in invoice.lines] == [
        (None, "POST POSTAGE", Decimal("18.00")),
        (None, "OUT-536365", Decimal("28.86")),
    ]


async def test_all_but_the_last_period_are_closed_and_sound(ledger_path: Path) -> None:
    connector = DemoConnector(DemoOptions(str(ledger_path)))
    state = await connector.read_close_state()
    assert {m.module: (m.start, m.current) for m in state.modules} == {
        module: (DECEMBER, Period(2011, 2)) for module in GRAPH.modules
    }
    invariants = await connector.invariants()
    assert invariants.stock_value == invariants.stock_account
    assert invariants.trial_balance == 0
    assert invariants.broken_openings == ()
    await _no_stock_is_negative(connector)
    await connector.aclose()


def test_the_same_lines_compressed_make_the_same_ledger(csv_file: Path, ledger_path: Path) -> None:
    packed = csv_file.with_name("lines.csv.gz")
    packed.write_bytes(gzip.compress(csv_file.read_bytes()))
    twin = load_retail(packed, csv_file.with_name("twin.db"))
    with DemoLedger(str(ledger_path)) as one, DemoLedger(str(twin)) as other:
        assert Desk(one).documents(JANUARY) == Desk(other).documents(JANUARY)


def test_progress_is_told(csv_file: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    load_retail(csv_file, tmp_path / "retail.db", lambda *step: told.append(step))
    assert told == [("closing", 0, 2), ("closing", 1, 2), ("closing", 2, 2)]


def test_a_ledger_in_the_way_is_not_overwritten(csv_file: Path, tmp_path: Path) -> None:
    (tmp_path / "retail.db").write_text("mine")
    with pytest.raises(LedgerRefused, match="already"):
        load_retail(csv_file, tmp_path / "retail.db")
    assert (tmp_path / "retail.db").read_text() == "mine"


GOOD = "536365,71053,x,6,2010-12-01 08:26:00,2.55,17850.0,UK\n"

BAD = {
    "no header": ("", 1, "InvoiceNo"),
    "a column missing": (HEADER.replace("Quantity", "Qty") + GOOD, 1, "Quantity"),
    "no line": (HEADER, 2, ""),
    "no number": (HEADER + GOOD + GOOD.replace("536365", " "), 3, "InvoiceNo"),
    "no code": (HEADER + GOOD.replace("71053", ""), 2, "StockCode"),
    "half a piece": (HEADER + GOOD + GOOD.replace(",6,", ",6.5,"), 3, "Quantity"),
    "too many": (HEADER + GOOD.replace(",6,", ",6000000000,"), 2, "Quantity"),
    "no such day": (HEADER + GOOD.replace("12-01", "02-30"), 2, "InvoiceDate"),
    "before the start": (HEADER + GOOD + GOOD.replace("2010-12", "2010-11"), 3, "InvoiceDate"),
    "no price": (HEADER + GOOD.replace("2.55", "free"), 2, "UnitPrice"),
    "not a number": (HEADER + GOOD.replace("2.55", "NaN"), 2, "UnitPrice"),
    "endless": (HEADER + GOOD.replace("2.55", "Infinity"), 2, "UnitPrice"),
    "a field too few": (HEADER + GOOD.replace(",UK", ""), 2, ""),
    "an open quote": (HEADER + GOOD + '536366,"x', 3, ""),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_refused_by_line_and_column(fault: str, tmp_path: Path) -> None:
    text, line, column = BAD[fault]
    source, place = tmp_path / "bad.csv", tmp_path / "new" / "retail.db"
    source.write_text(text, "utf-8")
    with pytest.raises(InvoiceLinesUnreadable) as refused:
        load_retail(source, place)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert not place.parent.exists() or list(place.parent.iterdir()) == []


@pytest.mark.parametrize("content", [b"\x1f\x8bnot really", gzip.compress(b"a" * 99, mtime=0)[:-9], b"plain"])
def test_a_broken_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.csv.gz").write_bytes(content)
    with pytest.raises(InvoiceLinesUnreadable):
        load_retail(tmp_path / "bad.csv.gz", tmp_path / "retail.db")


def test_a_file_in_another_encoding_is_refused(csv_file: Path, tmp_path: Path) -> None:
    csv_file.write_bytes((HEADER + GOOD.replace("x", "£")).encode("latin-1"))
    with pytest.raises(InvoiceLinesUnreadable):
        load_retail(csv_file, tmp_path / "retail.db")


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="the real invoice lines are not beside the project")
async def test_real_lines_close_open_and_close_again(tmp_path: Path) -> None:
    source = tmp_path / "slice.csv"
    with gzip.open(REAL, "rt", encoding="utf-8", newline="") as lines:
        source.write_text("".join(islice(lines, 50_001)), "utf-8")
    connector = DemoConnector(DemoOptions(str(load_retail(source, tmp_path / "retail.db"))))
    before, proof = await connector.read_close_state(), await prove_ledger(connector)
    assert before.of(Module.GL).current == JANUARY
    assert sum(leaf.rows for leaf in proof.leaves) > 5_000
    await _no_stock_is_negative(connector)

    books = Books(GRAPH)
    plan = plan_unclose(before, books, DECEMBER, (Module.INVENTORY,))
    opened = tuple((step.module, step.period) for step in plan.steps)
    scope = FindingScope(DECEMBER, (Module.INVENTORY,), opened, (), "unclose")
    assert blockers(await connector.findings(scope)) == ()

    await connector.enter_exclusive(1, "UC-TEST")
    for step in plan.steps:
        await connector.unclose(step, 1, f"u/{step}")
    for step in plan_reclose(await connector.read_close_state(), before, books).steps:
        await connector.close(step, 1, f"c/{step}")
    require_equal(proof, await prove_ledger(connector))
    await connector.aclose()


async def _no_stock_is_negative(connector: DemoConnector) -> None:
    async with connector.balances(Module.INVENTORY) as chunks:
        async for _, rows in chunks:
            assert all(Decimal(row[8]) >= 0 for row in rows)
