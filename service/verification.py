"""Verifies the register: a case, the next so many cases, or everything, never more than a case in memory."""

import asyncio
import hashlib
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO

from cryptography.x509 import Certificate
from sqlalchemy import Connection, select

from activities.backup.store import NotStored, ObjectStore
from activities.verifier import MANIFEST, Fault, summary
from service.case_attachments import stored_name
from service.case_record import check_case, read_record
from service.checkpoint_check import KeptLine, check_checkpoints, check_kept_lines
from service.database import Database
from service.report_tables import case_reports
from service.sealed_files import WHY, DataFolder, ToldFile, told_files
from service.settings import Settings
from service.signing import load_signer
from service.tables import cases
from service.time_stamps import load_roots
from service.told_rows import check_checkpoint_rows
from service.trail_check import check_trail
from service.trail_tables import attachments, evidence_packages

AT_ONCE = 100
PACKAGE = "evidence.zip"


@dataclass(frozen=True)
class Verified:
    """What came of checking some cases."""

    checked: int
    faults: tuple[Fault, ...]
    next: str | None
    """The last of them, if there are more."""


@dataclass(frozen=True)
class Trust:
    """Whose signatures count."""

    public_key: str | None = None
    """That of the installation; any will do if it is not known here."""
    roots: tuple[Certificate, ...] = ()
    """Certificates that the time-stamping authority's own must lead to; none: only what it says counts."""

    kept: tuple[KeptLine, ...] = ()
    """Lines of checkpoints that somebody has kept."""


ANY = Trust()


def trust_in(settings: Settings) -> Trust:
    """Raises CheckpointKeyMissing, NotStamped: a file that is configured cannot be read."""
    signer = load_signer(settings)
    return Trust(signer.public_key if signer else None, load_roots(settings.time_stamp_roots))


class Verification:
    """Finds what was changed behind the back of the register. Changes nothing."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore | None = None,
        trust: Trust = ANY,
        folder: DataFolder | None = None,
    ) -> None:
        self._database, self._store, self._trust, self._folder = database, store, trust, folder

    async def case(self, case: str) -> tuple[Fault, ...]:
        """What is wrong in the register, and with the files that it names in the store and the data folder.

        Raises:
            UnknownRequest, StorageUnavailable.
        """
        found = await self._database.read(partial(check_case, case=case))
        if self._store is not None:
            stored = await self._database.read(partial(_stored, case=case))
            found += await asyncio.to_thread(_check_stored, self._store, case, stored)
            packages = [] if found else [file.name for file in stored if file.place == PACKAGE]
            for name in packages:
                data = await asyncio.to_thread(self._store.get, name)
                found += await self._database.read(partial(_against_package, case=case, data=data))
        if self._folder is not None:
            told = await self._database.read(partial(told_files, case=case))
            found += await asyncio.to_thread(_check_sealed, self._folder, told)
        return tuple(found)

    async def trail(self) -> tuple[Fault, ...]:
        """What is wrong outside of cases."""
        return await self._database.read(partial(_beside, trust=self._trust, look=check_trail))

    async def signed(self, case: str) -> tuple[Fault, ...]:
        """What is wrong with the checkpoints, on which it rests that a case was not written anew."""
        found = await self._database.read(partial(_beside, trust=self._trust, look=check_checkpoint_rows))
        return tuple(fault for fault in found if fault.case in ("", case))

    async def some(self, after: str | None = None, limit: int = AT_ONCE) -> Verified:
        """The next so many cases, in the order of their numbers."""
        numbers = await self._database.read(partial(_numbers, after=after, limit=limit + 1))
        found: list[Fault] = []
        for case in numbers[:limit]:
            found += await self.case(case)
        more = numbers[limit - 1] if len(numbers) > limit else None
        return Verified(len(numbers[:limit]), tuple(found), more)

    async def everything(self) -> AsyncIterator[Verified]:
        """All there is, piece by piece; what is outside of cases comes last."""
        after: str | None = None
        while True:
            part = await self.some(after)
            yield part
            if part.next is None:
                break
            after = part.next
        yield Verified(0, await self.trail(), None)


def _beside(
    connection: Connection, trust: Trust, look: Callable[[Connection], Iterator[Fault]]
) -> tuple[Fault, ...]:
    signed = list(check_checkpoints(connection, trust.public_key, trust.roots))
    signed += check_kept_lines(connection, trust.kept)
    blamed = {fault.place for fault in signed}
    # The trail tells of checkpoints as well; what is wrong with one of them is said once.
    other = (fault for fault in look(connection) if fault.place not in blamed)
    return (*other, *dict.fromkeys(signed))


@dataclass(frozen=True)
class _Stored:
    """A file of a case in the object store, as the register names it."""

    name: str
    sha256: str
    place: str


def _stored(connection: Connection, case: str) -> list[_Stored]:
    files = connection.execute(select(attachments).where(attachments.c.case_id == case)).all()
    packages = connection.execute(select(evidence_packages).where(evidence_packages.c.case_id == case)).all()
    reports = connection.execute(select(case_reports).where(case_reports.c.case_id == case)).all()
    return [
        *(_Stored(report.name, report.sha256, f"report-{report.language}.pdf") for report in reports),
        *(_Stored(stored_name(case, f.sha256), f.sha256, f"files/{f.id}") for f in files),
        *(_Stored(package.name, package.sha256, PACKAGE) for package in packages),
    ]


def _check_stored(store: ObjectStore, case: str, stored: list[_Stored]) -> list[Fault]:
    found = []
    for file in stored:
        try:
            is_same = hashlib.sha256(store.get(file.name)).hexdigest() == file.sha256
        except NotStored:
            found.append(Fault(case, file.place, "missing"))
            continue
        if not is_same:
            found.append(Fault(case, file.place, "altered"))
    return found


def _check_sealed(folder: DataFolder, told: Iterable[ToldFile]) -> list[Fault]:
    conditions = [(file, folder.condition(file)) for file in told]
    return [Fault(file.case, file.name, str(how)) for file, how in conditions if how in WHY]


def _numbers(connection: Connection, after: str | None, limit: int) -> list[str]:
    wanted = select(cases.c.id).order_by(cases.c.id).limit(limit)
    return list(connection.scalars(wanted if after is None else wanted.where(cases.c.id > after)))


# --------------------------------------------------------------------------- the package of a case


def _against_package(connection: Connection, case: str, data: bytes) -> list[Fault]:
    """A case that has ended does not move any more: it ends where its package says."""
    try:
        manifest = json.loads(_manifest_in(data))
    except (ValueError, KeyError, OSError, zipfile.BadZipFile):
        return [Fault(case, PACKAGE, "unreadable")]
    said = summary(read_record(connection, case))
    if all(manifest.get(name) == value for name, value in said.items()):
        return []
    return [Fault(case, "case/head_digest", "not_as_packaged")]


def _manifest_in(data: bytes) -> bytes:
    with zipfile.ZipFile(BytesIO(data)) as package:
        return package.read(MANIFEST)
