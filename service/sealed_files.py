"""Files of a case in the data folder, as its events name them: sealed evidence and whole difference."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select

from service.database import Database
from service.refusals import NotHere
from service.stored_rows import read_rows
from service.tables import case_events, cases
from workflows.domain.case import EventKind
from workflows.domain.errors import EvidenceDamaged

EVIDENCE, DIFFERENCE = "evidence.json", "difference.jsonl"
_PARTS = {EVIDENCE: "evidence", DIFFERENCE: "difference"}


@dataclass(frozen=True)
class ToldFile:
    """A file as the chain of its case names it."""

    case: str
    ledger: str
    name: str
    """Like `evidence.json`, as routes and packages call it."""
    path: str
    """Where it lies in the data folder."""
    sha256: str


class Condition(StrEnum):
    """How a file is found. The words of those that are faults are the verifier's."""

    WHOLE = "whole"
    ALTERED = "altered"
    MISSING = "missing"
    ELSEWHERE = "elsewhere"
    """The worker at the site of the ledger has written it, and keeps it."""


WHY = {
    Condition.ALTERED: "its SHA-256 is not the one on record",
    Condition.MISSING: "it is not in the data folder",
}


@dataclass(frozen=True)
class DataFolder:
    """Where workers put the files of cases."""

    path: Path
    sites: frozenset[str] = frozenset()
    """Ledgers whose differences are written by a worker at their site, in a folder of its own."""

    def condition(self, file: ToldFile) -> Condition:
        """Read the file through, and tell how it is."""
        try:
            with (self.path / file.path).open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError:
            is_at_site = file.name == DIFFERENCE and file.ledger in self.sites
            return Condition.ELSEWHERE if is_at_site else Condition.MISSING
        return Condition.WHOLE if digest == file.sha256 else Condition.ALTERED


def told_files(connection: Connection, case: str) -> tuple[ToldFile, ...]:
    """What the events of a case say of its files. What was told again counts as it was told last."""
    ledger = connection.scalar(select(cases.c.ledger).where(cases.c.id == case))
    found = {name: ToldFile(case, str(ledger), name, *said) for name, *said in _said(connection, case)}
    return tuple(found[name] for name in sorted(found))


def _said(connection: Connection, case: str) -> Iterator[tuple[str, str, str]]:
    """Name, path and SHA-256 out of every event that tells of a file."""
    names = {EventKind.SEALED: (EVIDENCE, "path"), EventKind.COMPARED: (DIFFERENCE, "artefact")}
    mine = case_events.c.case_id == case
    for event in read_rows(connection, case_events, mine, case_events.c.kind.in_(names)):
        name, key = names[EventKind(str(event["kind"]))]
        data = event["data"] if isinstance(event["data"], dict) else {}
        path, sha256 = data.get(key), data.get("sha256")
        if isinstance(path, str) and isinstance(sha256, str):
            yield name, path, sha256


class CaseFiles:
    """Hands out files of cases, if they are what the chains of their cases say."""

    def __init__(self, database: Database, folder: DataFolder) -> None:
        self._database, self._folder = database, folder

    async def path(self, case: str, name: str) -> Path:
        """Where the file lies.

        Raises:
            NotHere: the case has none, or it lies with the worker at the site.
            EvidenceDamaged: it was changed, or is gone.
        """
        told = await self._database.read(partial(told_files, case=case))
        file = next((file for file in told if file.name == name), None)
        if file is None:
            raise NotHere(case, _PARTS[name])
        condition = await asyncio.to_thread(self._folder.condition, file)
        if condition == Condition.ELSEWHERE:
            raise NotHere(case, _PARTS[name])
        if condition != Condition.WHOLE:
            raise EvidenceDamaged(case, name, WHY[condition])
        return self._folder.path / file.path
