"""Rows that differ: what is said of one, what is counted of many, and documents put together from them."""

from datetime import UTC, datetime
from decimal import Decimal

from tests.builders import a_period
from workflows.domain.canonical import Place, Row, RowLayout, Rows
from workflows.domain.corrections import Change
from workflows.domain.difference import MAX_FIELDS, Assembly, DocumentAction, DocumentDifference, DocumentRows
from workflows.domain.ledger import Module
from workflows.domain.location import MAX_ROWS, Fact, RowChange, RowDifference, Tally, row_difference

STOCK = Place(Rows.BALANCES, Module.INVENTORY, a_period("2025-03"))
ACCOUNTS = Place(Rows.BALANCES, Module.GL, a_period("2025-03"))
PAPERS = Place(Rows.DOCUMENTS, Module.INVENTORY, a_period("2025-03"))
OF_STOCK = RowLayout(("warehouse", "item"), ("close_qty", "close_amount"))
OF_PAPERS = RowLayout(("sort", "number", "line"), ("qty", "note"))


def a_paper(
    number: str, line: str, was: Row | None, now: Row | None, sort: str = "document"
) -> RowDifference:
    key = (sort, number, line)
    before, after = (None if side is None else (*key, *side) for side in (was, now))
    return row_difference(PAPERS, OF_PAPERS, before, after)


def a_change(document: str, reverses: str = "") -> Change:
    at = datetime(2025, 6, 3, tzinfo=UTC)
    return Change(document, "changed", Module.INVENTORY, PAPERS.period, "clerk", at, "少录", (), reverses)


def documents(*rows: RowDifference) -> list[DocumentDifference]:
    gathering, found = DocumentRows(), []
    for row in rows:
        found.append(gathering.add(row))
    found.append(gathering.end())
    return [document for document in found if document is not None]


# --------------------------------------------------------------------------- rows


def test_a_changed_row_tells_the_fields_that_differ() -> None:
    told = row_difference(STOCK, OF_STOCK, ("B", "M-1", "80.00", "9.00"), ("B", "M-1", "100.00", "9.00"))
    assert (told.change, told.facts) == (RowChange.CHANGED, (Fact("close_qty", "80.00", "100.00"),))
    assert str(told) == (
        "balances of inventory 2025-03: changed warehouse B, item M-1 (close_qty 80.00 → 100.00)"
    )


def test_a_row_that_one_side_lacks_was_added_or_is_gone() -> None:
    row = ("B", "M-1", "80.00", "9.00")
    added, gone = row_difference(STOCK, OF_STOCK, None, row), row_difference(STOCK, OF_STOCK, row, None)
    assert (added.change, added.facts[0]) == (RowChange.ADDED, Fact("close_qty", "", "80.00"))
    assert (gone.change, gone.facts[0]) == (RowChange.GONE, Fact("close_qty", "80.00", ""))


def test_all_rows_are_counted_by_place_and_the_first_are_told() -> None:
    tally = Tally()
    for place, times in ((STOCK, MAX_ROWS), (ACCOUNTS, 3)):
        for n in range(times):
            tally.add(row_difference(place, OF_STOCK, None, ("B", f"M-{n}", "1.00", "1.00")))
    located = tally.located()
    assert (len(located.rows), located.more) == (MAX_ROWS, 3)
    assert [(each.place, each.added, each.rows) for each in located.places] == [
        (ACCOUNTS, 3, 3),
        (STOCK, MAX_ROWS, MAX_ROWS),
    ]


def test_nothing_that_differs_is_nothing_located() -> None:
    assert Tally().located().is_equal


# --------------------------------------------------------------------------- documents


def test_rows_of_one_document_are_one_difference() -> None:
    found = documents(
        a_paper("IN-1", "0001", ("80.00", ""), ("100.00", "")),
        a_paper("IN-1", "0002", None, ("5.00", "")),
        a_paper("IN-2", "", ("", "x"), None),
        a_paper("IN-2", "0001", ("1.00", ""), None),
        a_paper("IN-3", "", None, ("", "new")),
    )
    assert [(each.document, each.action) for each in found] == [
        ("IN-1", DocumentAction.CHANGED),
        ("IN-2", DocumentAction.DELETED),
        ("IN-3", DocumentAction.ADDED),
    ]
    assert [(f.line, f.name, f.before, f.after) for f in found[0].fields] == [
        ("0001", "qty", "80.00", "100.00"),
        ("0002", "qty", "", "5.00"),
    ]


def test_a_count_and_a_document_of_one_number_are_two() -> None:
    found = documents(
        a_paper("7", "", ("", "a"), ("", "b"), sort="count"), a_paper("7", "", ("", "a"), ("", "b"))
    )
    assert [each.sort for each in found] == ["count", "document"]


def test_fields_of_a_long_document_are_told_in_part_and_counted_whole() -> None:
    (told,) = documents(
        *(a_paper("IN-1", f"{n:04d}", ("1.00", ""), ("2.00", "")) for n in range(1, MAX_FIELDS + 6))
    )
    assert (len(told.fields), told.more_fields) == (MAX_FIELDS, 5)


# --------------------------------------------------------------------------- the report


def test_the_change_log_says_who_and_what_it_does_not_know_stands_out() -> None:
    assembly = Assembly([a_change("IN-1"), a_change("IN-1"), a_change("IN-9")])
    for document in documents(
        a_paper("V-1-IN", "", ("", "a"), ("", "b"), sort="closing"),
        a_paper("IN-1", "", ("", "a"), ("", "b")),
        a_paper("IN-2", "", ("", "a"), ("", "b")),
    ):
        assembly.add_document(document)
    report = assembly.difference()
    assert [(each.document, len(each.entries)) for each in report.documents] == [
        ("V-1-IN", 0),
        ("IN-1", 2),
        ("IN-2", 0),
    ]
    assert report.documents[1].entries[0].person == "clerk"
    assert (report.unlogged, report.without_effect) == (("IN-2",), ("IN-9",))
    assert report.actions[DocumentAction.CHANGED] == 3


def test_documents_beyond_the_limit_are_counted() -> None:
    assembly = Assembly([], limit=2)
    for document in documents(*(a_paper(f"IN-{n}", "", ("", "a"), ("", "b")) for n in range(5))):
        assembly.add_document(document)
    report = assembly.difference()
    assert (len(report.documents), report.more_documents) == (2, 3)


def test_balances_are_summed_up_by_place_and_measure() -> None:
    assembly = Assembly([])
    for item, was, now in (("M-1", "80.00", "100.00"), ("M-2", "5.00", "4.50")):
        rows = (("B", item, was, "1.00"), ("B", item, now, "1.00"))
        assembly.add_balance(row_difference(STOCK, OF_STOCK, *rows))
    assembly.add_balance(row_difference(ACCOUNTS, OF_STOCK, ("B", "x", "0.00", "1.00"), None))
    net = {(each.module, each.measure): each.amount for each in assembly.difference().net}
    assert net == {
        (Module.INVENTORY, "close_qty"): Decimal("19.50"),
        (Module.GL, "close_amount"): Decimal("-1.00"),
    }
