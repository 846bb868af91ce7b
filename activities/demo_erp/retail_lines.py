"""Invoice lines of a wholesaler, read one by one from CSV: what each is, or where the file is wrong."""

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import IO, NamedTuple, TypeVar, cast

from activities.demo_erp.amounts import CENT, micros

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")
"""What is read of a line; other columns are allowed and ignored."""

SERVICES = frozenset({"POST", "DOT", "M", "m", "D", "C2", "S", "B", "BANK CHARGES", "AMAZONFEE", "CRUK"})
"""Codes of postage, fees, discounts and manual entries: nothing lies on a shelf."""
_GIFT_VOUCHER = "gift_"

SERVICE = "service"
"""What a line is that moves no stock; the others are kinds of documents."""


class InvoiceLinesUnreadable(Exception):
    """The file cannot be loaded; the text names the line and the column."""

    def __init__(self, path: Path, line: int, column: str, reason: str) -> None:
        where = f"{path}, line {line}" + (f", column {column}" if column else "")
        super().__init__(f"{where}: {reason}")
        self.path, self.line, self.column, self.reason = path, line, column, reason


class InvoiceLine(NamedTuple):
    """One line: quantity in hundredths, price in millionths, and what kind of document it belongs to."""

    invoice: str
    code: str
    description: str
    qty: int
    day: date
    price: int
    customer: str
    kind: str


def read_lines(path: Path, progress: Callable[[int, int], None]) -> Iterator[InvoiceLine]:
    """All lines of a CSV file, plain or compressed; the progress is told in bytes of the file.

    Raises:
        InvoiceLinesUnreadable: at the first line that cannot be read.
    """
    line = 0
    try:
        with path.open("rb") as raw, _text(path, raw) as text:
            rows = csv.reader(text, strict=True)
            parser = _Parser(path, next(rows, []))
            size = path.stat().st_size
            for row in rows:
                line = rows.line_num
                if line % 10_000 == 0:
                    progress(raw.tell(), size)
                yield parser.parse(line, row)
    except (OSError, EOFError, zlib.error, csv.Error, UnicodeDecodeError) as error:
        raise InvoiceLinesUnreadable(path, line + 1, "", str(error)) from error


def _text(path: Path, raw: BufferedReader) -> TextIOWrapper:
    packed = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
    return TextIOWrapper(packed, encoding="utf-8", newline="")


class _Parser:
    """Turns rows into lines, and says which column is wrong when one cannot be."""

    def __init__(self, path: Path, header: list[str]) -> None:
        for column in COLUMNS:
            if column not in header:
                raise InvoiceLinesUnreadable(path, 1, column, "the column is missing")
        self.path, self.width = path, len(header)
        self.places = [header.index(column) for column in COLUMNS]
        self.earliest: date | None = None

    def parse(self, line: int, row: list[str]) -> InvoiceLine:
        if len(row) != self.width:
            reason = f"{len(row)} fields instead of {self.width}"
            raise InvoiceLinesUnreadable(self.path, line, "", reason)
        texts = [row[place] for place in self.places]
        try:
            parsed = _line(*texts)
        except ValueError as error:
            raise self._where(line, texts) from error
        self._require_in_time(line, parsed.day)
        return parsed

    def _require_in_time(self, line: int, day: date) -> None:
        """The ledger starts with the month of the first line; nothing can lie before it."""
        self.earliest = self.earliest or day.replace(day=1)
        if day < self.earliest:
            reason = f"{day} lies before {self.earliest}, where the file starts"
            raise InvoiceLinesUnreadable(self.path, line, "InvoiceDate", reason)

    def _where(self, line: int, texts: list[str]) -> InvoiceLinesUnreadable:
        for column, text in zip(COLUMNS, texts, strict=True):
            try:
                _READERS[column](text)
            except ValueError as error:
                return InvoiceLinesUnreadable(self.path, line, column, str(error))
        return InvoiceLinesUnreadable(self.path, line, "", "cannot be read")


def _line(
    invoice: str, code: str, description: str, quantity: str, stamp: str, price: str, customer: str
) -> InvoiceLine:
    qty, cost = _quantity(quantity), _price(price)
    kind = kind_of(_required(invoice), _required(code), qty, cost, customer)
    return InvoiceLine(invoice, code, description.strip(), qty, _day(stamp[:10]), cost, customer, kind)


def kind_of(invoice: str, code: str, qty: int, price: int, customer: str) -> str:
    """What a line is: returns are marked in the invoice number, stock adjustments by having no price."""
    if invoice.startswith("A"):
        return "bad_debt"
    if code in SERVICES or code.startswith(_GIFT_VOUCHER):
        return SERVICE
    if qty < 0:
        return "sales_return" if invoice.startswith("C") else "stock_loss"
    return "stock_gain" if price == 0 and not customer else "sales_issue"


def _required(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _quantity(text: str) -> int:
    return _bounded(int(text)) * CENT


@lru_cache(maxsize=4096)
def _price(text: str) -> int:
    try:
        return micros(_bounded(Decimal(text)))
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a price") from None


@lru_cache(maxsize=1024)
def _day(text: str) -> date:
    return date.fromisoformat(text)


_Number = TypeVar("_Number", int, Decimal)


def _bounded(value: _Number) -> _Number:
    """A thousand million at most, so that amounts stay well inside 64 bits."""
    if not -(10**9) < value < 10**9:
        raise ValueError(f"{value} is out of range")
    return value


_READERS: dict[str, Callable[[str], object]] = {
    "InvoiceNo": _required,
    "StockCode": _required,
    "Description": str,
    "Quantity": _quantity,
    "InvoiceDate": lambda text: _day(text[:10]),
    "UnitPrice": _price,
    "CustomerID": str,
}
