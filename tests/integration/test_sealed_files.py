"""Files of a case in the data folder: what is not as its events say is neither handed out nor sealed."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import pytest

from activities.backup.store import open_store
from service.audit_trail import AuditTrail
from service.case_attachments import stored_name
from service.database import Database, open_database
from service.evidence_packages import EvidencePackages, Sources
from service.refusals import NotHere
from service.register import SqlRegister
from service.sealed_files import DIFFERENCE, EVIDENCE, CaseFiles, DataFolder
from service.verification import Verification
from tests.fakes import FakeGateway
from tests.full_register import SIGNER, TwoReports
from tests.trail_world import ATTACHED, CASE, NOON, SHEET, tell_a_finished_case
from workflows.domain.case import Actor, CaseChange, CaseEvent, EventKind
from workflows.domain.digest import Json
from workflows.domain.errors import EvidenceDamaged
from workflows.domain.request import CaseState

FILES = {
    EVIDENCE: (f"evidence/{CASE}.json", b'{"format":"unclose-evidence-1"}'),
    DIFFERENCE: (f"evidence/{CASE}-difference.jsonl", b'{"document":"IN-2025-03-0007"}\n'),
}
BOTH = pytest.mark.parametrize("name", list(FILES))


@dataclass
class Scene:
    database: Database
    folder: Path

    def file(self, name: str) -> Path:
        return self.folder / FILES[name][0]

    def verification(self, *sites: str) -> Verification:
        return Verification(self.database, folder=DataFolder(self.folder, frozenset(sites)))

    def packages(self) -> EvidencePackages:
        store = open_store((self.folder / "store").as_uri())
        store.put_new(stored_name(CASE, str(ATTACHED["sha256"])), SHEET)
        gateway = FakeGateway()
        gateway.histories[CASE] = b"{}"
        sources = Sources(gateway, store, DataFolder(self.folder), SIGNER, TwoReports())
        return EvidencePackages(self.database, sources, AuditTrail(self.database))


@pytest.fixture
async def scene(tmp_path: Path, empty_register: Path) -> AsyncIterator[Scene]:
    copyfile(empty_register, tmp_path / "register.sqlite")
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    register = SqlRegister(database)
    await tell_a_finished_case(register)
    (tmp_path / "evidence").mkdir()
    events = []
    keys = {EVIDENCE: (EventKind.SEALED, "path"), DIFFERENCE: (EventKind.COMPARED, "artefact")}
    for seq, (name, (path, body)) in enumerate(FILES.items(), 24):
        (tmp_path / path).write_bytes(body)
        kind, key = keys[name]
        said: dict[str, Json] = {key: path, "sha256": hashlib.sha256(body).hexdigest()}
        events.append(CaseEvent(seq, NOON, "unclose", None, kind, said))
    await register.record(CaseChange(CASE, CaseState.COMPLETED, tuple(events)))
    yield Scene(database, tmp_path)
    await database.aclose()


async def places(verification: Verification) -> list[tuple[str, str, str]]:
    found = [fault async for part in verification.everything() for fault in part.faults]
    return [(fault.case, fault.place, fault.code) for fault in found]


async def test_untouched_files_are_handed_out_and_without_fault(scene: Scene) -> None:
    files = CaseFiles(scene.database, DataFolder(scene.folder))
    for name, (_, body) in FILES.items():
        assert (await files.path(CASE, name)).read_bytes() == body
    assert await places(scene.verification()) == []


@BOTH
async def test_a_changed_file_is_found_and_kept_back(scene: Scene, name: str) -> None:
    scene.file(name).write_bytes(FILES[name][1].replace(b"-", b"_", 1))
    assert await places(scene.verification()) == [(CASE, name, "altered")]
    with pytest.raises(EvidenceDamaged):
        await CaseFiles(scene.database, DataFolder(scene.folder)).path(CASE, name)
    with pytest.raises(EvidenceDamaged):
        await scene.packages().export(Actor("auditor"), CASE)


@BOTH
async def test_a_removed_file_is_missed_by_name_and_no_package_is_made_without_it(
    scene: Scene, name: str
) -> None:
    scene.file(name).unlink()
    assert await places(scene.verification()) == [(CASE, name, "missing")]
    with pytest.raises(EvidenceDamaged):
        await CaseFiles(scene.database, DataFolder(scene.folder)).path(CASE, name)
    with pytest.raises(EvidenceDamaged):
        await scene.packages().export(Actor("auditor"), CASE)


async def test_a_difference_that_lies_at_the_site_of_its_ledger_is_not_missed_here(scene: Scene) -> None:
    scene.file(DIFFERENCE).unlink()
    assert await places(scene.verification("demo")) == []
    with pytest.raises(NotHere):
        await CaseFiles(scene.database, DataFolder(scene.folder, frozenset({"demo"}))).path(CASE, DIFFERENCE)
    scene.file(EVIDENCE).unlink()  # is sealed beside the workflow, wherever the ledger is
    assert await places(scene.verification("demo")) == [(CASE, EVIDENCE, "missing")]
