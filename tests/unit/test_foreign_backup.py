"""Copies that SQL Server makes, or somebody else: the statements, and what is accepted as evidence."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.engines.sqlserver import SQLServerCopies, backup_statement, quoted_name, quoted_text
from workflows.domain.errors import BackupUnproven, LedgerUnavailable
from workflows.domain.foreign_backup import CopyDocument, ForeignCopy, require_acceptable, require_vouched

NOW = datetime(2025, 6, 16, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DATABASE = "AIS20240227123408"
COPY = ForeignCopy(
    database=DATABASE,
    kind="D",
    is_damaged=False,
    has_checksums=True,
    started_at=NOW - timedelta(hours=2),
    finished_at=NOW - timedelta(hours=1),
    by="dba",
    location=r"E:\backup\x.bak",
    bytes=7,
)
DOCUMENT = CopyDocument(
    database=DATABASE, finished_at=NOW - timedelta(hours=1), by="dba", location="vendor", sha256="a" * 64
)


class ServerError(Exception):
    """What the fake driver raises."""


@dataclass
class FakeDriver:
    """A fake of the driver, not of SQL Server: it writes down statements and answers as a test wants.

    Not a transaction is opened, and an answer that is not read to its end aborts the copy, as on a server.
    """

    rows: list[Sequence[Any]] = field(default_factory=list)
    refuses: str | None = None
    statements: list[str] = field(default_factory=list)
    unread: int = 0

    messages: Sequence[tuple[Any, Any]] = ()

    @contextmanager
    def connect(self) -> Iterator["FakeDriver"]:
        yield self
        assert self.unread == 0, "closing early aborts the copy"

    def cursor(self) -> "FakeDriver":
        return self

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> object:
        self.statements.append(statement)
        if self.refuses is not None and self.refuses in statement:
            raise ServerError("Msg 3201: Cannot open backup device")
        self.unread = 3 if statement.startswith("BACKUP") else 0
        return None

    def nextset(self) -> object:
        self.unread = max(0, self.unread - 1)
        return self.unread

    def fetchall(self) -> Sequence[Sequence[Any]]:
        return self.rows


def copies(driver: FakeDriver) -> SQLServerCopies:
    return SQLServerCopies(driver.connect, DATABASE, "E:\\backup\\", error=ServerError)


def a_row(path: str) -> Sequence[Any]:
    began = NOW.replace(tzinfo=None)
    return (DATABASE, "D", 0, 1, began, began, "unclose", path, 123)


# --------------------------------------------------------------------------- statements


def test_a_copy_leaves_the_owners_chain_alone_and_checks_every_page() -> None:
    assert backup_statement("A", r"E:\b\x.bak", "unclose UC-1", compress=True) == (
        r"BACKUP DATABASE [A] TO DISK = N'E:\b\x.bak' WITH COPY_ONLY, CHECKSUM, COMPRESSION, FORMAT, INIT,"
        " NAME = N'unclose UC-1', STATS = 10"
    )
    assert "COMPRESSION" not in backup_statement("A", "x", "n", compress=False)


@pytest.mark.parametrize(
    ("name", "quoted"), [("AIS2026", "[AIS2026]"), ("a]b", "[a]]b]"), ("a'; DROP--", "[a'; DROP--]")]
)
def test_names_are_quoted_as_the_server_does(name: str, quoted: str) -> None:
    assert quoted_name(name) == quoted


@pytest.mark.parametrize("name", ["", "x" * 129, "a\x00b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        quoted_name(name)


def test_text_cannot_end_its_literal() -> None:
    assert quoted_text("it's 账套") == "N'it''s 账套'"
    with pytest.raises(ValueError, match="NUL"):
        quoted_text("a\x00")


def test_an_odd_name_never_becomes_part_of_a_path() -> None:
    path = replace(copies(FakeDriver()), database="..\\..\\x").path("UC-2025-000001-A")
    assert ".." not in path
    assert path.startswith("E:\\backup\\")


def test_a_copy_is_made_verified_and_found_in_the_catalogue() -> None:
    driver = FakeDriver()
    subject = copies(driver)
    driver.rows = [a_row("E:\\other.bak"), a_row(subject.path("UC1A"))]
    made = subject.back_up("UC1A")
    assert [statement.split()[0] for statement in driver.statements] == ["BACKUP", "RESTORE", "SELECT"]
    assert (made.location, made.by, made.finished_at) == (subject.path("UC1A"), "unclose", NOW)


@pytest.mark.parametrize("refused", ["BACKUP", "VERIFYONLY"])
def test_a_copy_that_the_server_does_not_call_good_is_none(refused: str) -> None:
    with pytest.raises(BackupUnproven, match="Cannot open backup device"):
        copies(FakeDriver(refuses=refused)).back_up("UC1A")


def test_a_copy_without_a_record_is_none() -> None:
    with pytest.raises(BackupUnproven, match="msdb"):
        copies(FakeDriver()).back_up("UC1A")


def test_a_server_that_is_away_says_so() -> None:
    with pytest.raises(LedgerUnavailable):
        copies(FakeDriver(refuses="SELECT")).catalogue()


# --------------------------------------------------------------------------- evidence


def test_a_full_sound_recent_copy_is_accepted() -> None:
    require_acceptable(COPY, DATABASE, NOW - timedelta(hours=3), NOW, DAY)
    require_vouched(DOCUMENT, DATABASE, NOW, DAY)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"database": "other"}, "not of"),
        ({"kind": "I"}, "type I"),
        ({"is_damaged": True}, "damaged"),
        ({"has_checksums": False}, "without checksums"),
        ({"started_at": NOW - timedelta(hours=4)}, "before"),
        ({"finished_at": NOW - 2 * DAY}, "older"),
        ({"finished_at": NOW + DAY}, "future"),
        ({"by": " "}, "nobody"),
    ],
)
def test_a_copy_that_is_no_way_back_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BackupUnproven, match=reason):
        require_acceptable(replace(COPY, **change), DATABASE, NOW - timedelta(hours=3), NOW, DAY)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"database": "other"}, "not of"),
        ({"sha256": "abc"}, "SHA-256"),
        ({"location": ""}, "where"),
        ({"by": ""}, "nobody"),
        ({"finished_at": NOW - 2 * DAY}, "older"),
    ],
)
def test_a_document_that_says_too_little_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BackupUnproven, match=reason):
        require_vouched(replace(DOCUMENT, **change), DATABASE, NOW, DAY)
