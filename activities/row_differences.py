"""Row against row: two ledgers read as streams in the order of their keys, one chunk of each in memory."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from activities.erp.connector import LedgerConnector, RowStream
from workflows.domain.canonical import Place, Row, RowLayout, Rows
from workflows.domain.difference import DocumentDifference, DocumentRows
from workflows.domain.errors import LedgerRefused
from workflows.domain.location import RowDifference, row_difference
from workflows.domain.period import Period


async def differences(
    before: LedgerConnector, after: LedgerConnector, place: Place
) -> AsyncIterator[RowDifference]:
    """The rows of one place that are not the same in both, in the order of their keys.

    Raises:
        LedgerRefused: rows are not in order, or the two ledgers do not mean the same by them.
    """
    layout = after.layout(place.rows, place.module)
    if before.layout(place.rows, place.module) != layout:
        raise LedgerRefused("", f"the two ledgers lay out {place} in different ways")
    async with AsyncExitStack() as open_streams:
        old, new = [
            _Cursor(await open_streams.enter_async_context(_stream(side, place)), place, layout)
            for side in (before, after)
        ]
        async for was, now in _paired(old, new, layout):
            if was != now:
                yield row_difference(place, layout, was, now)


async def documents_of(
    before: LedgerConnector, after: LedgerConnector, place: Place
) -> AsyncIterator[DocumentDifference]:
    """The documents of one place that are not the same in both; one at a time is held."""
    gathering = DocumentRows()
    async for row in differences(before, after, place):
        if (complete := gathering.add(row)) is not None:
            yield complete
    if (last := gathering.end()) is not None:
        yield last


def _stream(connector: LedgerConnector, place: Place) -> RowStream:
    if place.rows == Rows.BALANCES:
        return connector.balances(place.module, place.period)
    return connector.documents(place.module, place.period)


async def _paired(
    old: "_Cursor", new: "_Cursor", layout: RowLayout
) -> AsyncIterator[tuple[Row | None, Row | None]]:
    """Rows of both sides side by side by their key; none where a side does not have it."""
    was, now = await old.next(), await new.next()
    while was is not None or now is not None:
        if now is None or (was is not None and layout.key_of(was) < layout.key_of(now)):
            yield was, None
            was = await old.next()
        elif was is None or layout.key_of(now) < layout.key_of(was):
            yield None, now
            now = await new.next()
        else:
            yield was, now
            was, now = await old.next(), await new.next()


class _Cursor:
    """Steps through the rows of one place, holding one chunk, and insists on their order."""

    def __init__(
        self, chunks: AsyncIterator[tuple[Period, list[Row]]], place: Place, layout: RowLayout
    ) -> None:
        self._chunks, self._place, self._layout = chunks, place, layout
        self._rows: list[Row] = []
        self._at = 0
        self._last: Row | None = None

    async def next(self) -> Row | None:
        while self._at == len(self._rows):
            chunk = await anext(self._chunks, None)
            if chunk is None:
                return None
            self._rows, self._at = chunk[1], 0
        row = self._rows[self._at]
        self._at += 1
        key = self._layout.key_of(row)
        # Out of order, rows would be paired wrongly and nobody would know.
        if self._last is not None and key <= self._last:
            raise LedgerRefused("", f"rows of {self._place} are not in the order of their keys, at {key}")
        self._last = key
        return row
