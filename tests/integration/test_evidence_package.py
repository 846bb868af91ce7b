"""Evidence packages: the same bytes for ever, whole without Unclose, and every changed byte is found."""

import ast
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from shutil import copyfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities import verifier
from activities.backup.store import ObjectStore, open_store
from activities.verifier import MANIFEST, SEAL, check_package, manifest_of, pack, seal_of, verify_signature
from service.audit_trail import AuditFilter, AuditTrail
from service.case_attachments import stored_name
from service.database import Database, open_database
from service.evidence_packages import EvidencePackages, Kept, Package, Sources, StoredReports
from service.refusals import NotHere
from service.register import SqlRegister
from service.sealed_files import DataFolder
from service.signing import Signer
from service.verification import Verification
from tests.builders import a_request
from tests.fakes import FakeGateway
from tests.trail_world import ATTACHED, CASE, NOON, SHEET, tell_a_finished_case
from workflows.domain.case import Actor
from workflows.domain.errors import EvidenceDamaged, ReportNotMade, WorkflowUnavailable

VERIFIER = Path(verifier.__file__).read_bytes()
AUDITOR = Actor("auditor")
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


class TwoReports(StoredReports):
    fails_for = ""

    async def stored(self, case: str) -> Mapping[str, bytes]:
        if case == self.fails_for:
            raise ReportNotMade(case, "KeyError: 'levels'")
        return {"zh": b"%PDF-1.7 zh", "en": b"%PDF-1.7 en"}


@dataclass
class Archive:
    """A finished case, and what packages are made of."""

    database: Database
    gateway: FakeGateway
    store: ObjectStore
    folder: Path
    reports: TwoReports = field(default_factory=TwoReports)

    def packages(self) -> EvidencePackages:
        sources = Sources(self.gateway, self.store, DataFolder(self.folder), SIGNER, self.reports)
        return EvidencePackages(self.database, sources, AuditTrail(self.database))


@pytest.fixture
async def archive(tmp_path: Path, empty_register: Path) -> AsyncIterator[Archive]:
    copyfile(empty_register, tmp_path / "register.sqlite")
    database = open_database(f"sqlite+aiosqlite:///{tmp_path / 'register.sqlite'}")
    store = open_store((tmp_path / "store").as_uri())
    store.put_new(stored_name(CASE, str(ATTACHED["sha256"])), SHEET)
    await tell_a_finished_case(SqlRegister(database))
    gateway = FakeGateway()
    gateway.histories[CASE] = b'{"events": []}'
    yield Archive(database, gateway, store, tmp_path)
    await database.aclose()


@pytest.fixture
async def package(archive: Archive) -> Package:
    return await archive.packages().export(AUDITOR, CASE)


def files_in(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(data)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


async def test_a_package_stays_the_same_whatever_the_engine_forgets(
    archive: Archive, package: Package
) -> None:
    archive.gateway.histories.clear()
    again = await archive.packages().export(AUDITOR, CASE)
    assert again.data == package.data
    assert "temporal-history.json" in files_in(again.data)


async def test_a_package_holds_what_is_kept_of_a_case(package: Package) -> None:
    files = files_in(package.data)
    assert files[f"attachments/{ATTACHED['id']}.pdf"] == SHEET
    assert {"case.json", "events.jsonl", "decisions.jsonl", "parts/plan.json", "report-zh.pdf"} <= set(files)
    assert files["verify.py"] == VERIFIER
    assert "盘点" in files["attachments.jsonl"].decode()


async def test_an_export_goes_on_record_and_changes_no_package(archive: Archive, package: Package) -> None:
    told = await AuditTrail(archive.database).page(AuditFilter(subject=CASE), 10, None)
    assert [event.kind for event in told] == ["evidence_exported", "package_made"]
    assert told[0].data == {"sha256": package.sha256, "bytes": len(package.data)}
    assert await Verification(archive.database, archive.store).case(CASE) == ()


async def test_an_untouched_package_passes_with_the_standard_library_alone(
    package: Package, tmp_path: Path
) -> None:
    place, tool = tmp_path / "package.zip", tmp_path / "verify.py"
    place.write_bytes(package.data)
    tool.write_bytes(files_in(package.data)["verify.py"])

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", str(tool), *arguments],
            capture_output=True,
            encoding="utf-8",
            check=False,
            cwd=tmp_path,
            env={"no_proxy": "*"},
        )

    passed = run(str(place), "--key", SIGNER.public_key)
    assert (passed.returncode, passed.stderr) == (0, "")
    assert package.sha256 in passed.stdout
    damaged = bytearray(package.data)
    damaged[damaged.index(b'"answer":"approve"') + 11] ^= 1
    place.write_bytes(damaged)
    failed = run(str(place))
    assert failed.returncode == 1
    assert "decisions.jsonl" in failed.stdout or "events.jsonl" in failed.stdout
    assert run().returncode == 2
    helped = run("--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "--key PUBLIC_KEY" in helped.stdout


async def test_the_verifier_checks_the_folder_it_was_unpacked_to(package: Package, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    for name, data in files_in(package.data).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-I", "-S", "verify.py", *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, cwd=folder)
        return done.returncode, done.stdout + done.stderr

    whole, said = run()
    assert whole == 0
    assert f"signed with {SIGNER.public_key}" in said
    assert package.sha256 in said
    assert run(".", "--key", SIGNER.public_key)[0] == 0
    code, said = run(str(folder), "--key", "0" * 64)
    assert (code, "seal.json" in said) == (1, True)
    (folder / "case.json").write_bytes(b"{}")
    assert run() == (1, "UC-2025-000001 case.json: is not what was put on record / 与存证记录不符\n")


def test_the_verifier_is_written_for_older_pythons_and_imports_only_the_standard_library() -> None:
    tree = ast.parse(VERIFIER, feature_version=(3, 8))
    imported = {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (node.names if isinstance(node, ast.Import) else [ast.alias(str(node.module))])
    }
    assert imported <= set(sys.stdlib_module_names)
    assert imported.isdisjoint({"socket", "urllib", "http", "ssl"})


async def test_one_flipped_byte_in_any_file_is_found_in_that_file(package: Package) -> None:
    chance = random.Random(7)
    files = files_in(package.data)
    assert check_package(package.data, SIGNER.public_key) == []
    for name, data in files.items():
        for _ in range(3):
            changed = bytearray(data or b"\0")
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            found = check_package(pack({**files, name: bytes(changed)}), SIGNER.public_key)
            assert {fault.place for fault in found} == {name}, found


async def test_a_signature_written_with_another_letter_of_the_same_digit_is_found(package: Package) -> None:
    files = files_in(package.data)
    seal = json.loads(files[SEAL])
    loud = seal_of(files[MANIFEST], seal["public_key"], seal["signature"].upper())
    assert [fault.place for fault in check_package(pack({**files, SEAL: loud}))] == [SEAL]


async def test_one_flipped_byte_anywhere_in_the_container_is_found(package: Package) -> None:
    chance = random.Random(11)
    for _ in range(100):
        changed = bytearray(package.data)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        assert check_package(bytes(changed)) != []


async def test_a_removed_and_an_added_file_are_named(package: Package) -> None:
    files = files_in(package.data)
    without = check_package(pack({name: data for name, data in files.items() if name != "parts/plan.json"}))
    assert [(fault.place, fault.code) for fault in without] == [("parts/plan.json", "missing")]
    more = check_package(pack({**files, "parts/other.json": b"{}"}))
    assert [(fault.place, fault.code) for fault in more] == [("parts/other.json", "unexpected")]


def _resealed(files: dict[str, bytes], signer: Signer | None) -> bytes:
    """What somebody makes who changes files and writes manifest and seal anew."""
    plain = {name: data for name, data in files.items() if name not in (MANIFEST, SEAL)}
    manifest = manifest_of(plain)
    key, signature = (signer.public_key, signer.sign(manifest)) if signer else (None, None)
    return pack({**plain, MANIFEST: manifest, SEAL: seal_of(manifest, key, signature)})


@pytest.mark.parametrize(
    ("name", "old", "new", "place"),
    [
        ("decisions.jsonl", b'"answer":"approve"', b'"answer":"reject"', "decisions/"),
        ("events.jsonl", "同意".encode(), "反对".encode(), "events/"),
        ("parts/plan.json", b"2025-03", b"2025-04", "parts/plan"),
        ("tasks.jsonl", b'"outcome":"approve"', b'"outcome":"expired"', "tasks/"),
        ("case.json", b'"state":"completed"', b'"state":"withdrawn"', "case/state"),
        ("attachments/" + "a" * 64 + ".pdf", b"signed", b"forged", "attachments/"),
    ],
)
async def test_a_package_sealed_anew_is_not_believed(
    package: Package, name: str, old: bytes, new: bytes, place: str
) -> None:
    files = files_in(package.data)
    assert old in files[name]
    forged = _resealed({**files, name: files[name].replace(old, new, 1)}, None)
    assert next(fault.place for fault in check_package(forged)).startswith(place)


async def test_a_package_signed_with_another_key_is_told_apart(package: Package) -> None:
    other = Signer(Ed25519PrivateKey.generate())
    forged = _resealed(files_in(package.data), other)
    assert [fault.code for fault in check_package(forged, SIGNER.public_key)] == ["other_key"]
    unsigned = _resealed(files_in(package.data), None)
    assert [fault.code for fault in check_package(unsigned, SIGNER.public_key)] == ["not_signed"]


def test_signatures_are_verified_as_the_library_makes_them() -> None:
    message = b"checkpoint"
    signature = SIGNER.sign(message)
    assert verify_signature(SIGNER.public_key, message, signature)
    assert not verify_signature(SIGNER.public_key, message + b"!", signature)
    for at in (0, 40, 100, 127):
        wrong = signature[:at] + ("0" if signature[at] != "0" else "1") + signature[at + 1 :]
        assert not verify_signature(SIGNER.public_key, message, wrong)
    assert not verify_signature("zz", message, signature)
    assert not verify_signature("ff" * 32, message, signature)


# --------------------------------------------------------------------------- when it cannot be made


async def test_a_running_case_has_no_package(archive: Archive) -> None:
    running = a_request(id="UC-2025-000002", accepted_at=NOON)
    await SqlRegister(archive.database).receive(running)
    with pytest.raises(NotHere):
        await archive.packages().export(AUDITOR, running.id)


async def test_nothing_is_sealed_while_the_engine_cannot_be_asked(archive: Archive) -> None:
    archive.gateway.is_down = True
    with pytest.raises(WorkflowUnavailable):
        await archive.packages().export(AUDITOR, CASE)


async def test_a_damaged_attachment_is_not_sealed_and_not_handed_out(archive: Archive) -> None:
    name = stored_name(CASE, str(ATTACHED["sha256"]))
    archive.store.delete([name])
    archive.store.put_new(name, SHEET + b"!")
    with pytest.raises(EvidenceDamaged):
        await archive.packages().export(AUDITOR, CASE)
    found = await Verification(archive.database, archive.store).case(CASE)
    assert [(fault.place, fault.code) for fault in found] == [(f"files/{ATTACHED['id']}", "altered")]


async def test_a_damaged_package_is_not_handed_out(archive: Archive, package: Package) -> None:
    stored = f"evidence/{CASE}/{package.sha256}.zip"
    archive.store.delete([stored])
    with pytest.raises(EvidenceDamaged):
        await archive.packages().export(AUDITOR, CASE)
    found = await Verification(archive.database, archive.store).case(CASE)
    assert [(fault.place, fault.code) for fault in found] == [("evidence.zip", "missing")]


async def test_cases_that_nobody_exports_get_their_packages_too(archive: Archive) -> None:
    assert await archive.packages().keep_missing() == Kept(1)
    assert await archive.packages().keep_missing() == Kept(0)


async def test_without_its_report_the_evidence_is_handed_out_and_nothing_is_kept(archive: Archive) -> None:
    archive.reports.fails_for = CASE
    given = await archive.packages().export(AUDITOR, CASE)
    files = files_in(given.data)
    assert given.name == f"{CASE}-without-report.zip"
    assert check_package(given.data, SIGNER.public_key) == []
    assert "KeyError" in json.loads(files["left-out.json"])["report-zh.pdf"]
    assert "events.jsonl" in files
    assert not list((archive.folder / "store").rglob("*.zip"))
    told = await AuditTrail(archive.database).page(AuditFilter(subject=CASE), 10, None)
    assert [(event.kind, "KeyError" in str(event.data)) for event in told] == [("evidence_exported", True)]

    archive.reports.fails_for = ""
    whole = await archive.packages().export(AUDITOR, CASE)
    assert (whole.name, whole.lacks) == (f"{CASE}.zip", "")
    assert "report-zh.pdf" in files_in(whole.data)


async def test_a_case_whose_report_fails_keeps_no_other_waiting(archive: Archive) -> None:
    other = "UC-2025-000002"
    await tell_a_finished_case(SqlRegister(archive.database), other)
    archive.store.put_new(stored_name(other, str(ATTACHED["sha256"])), SHEET)
    archive.reports.fails_for = CASE
    kept = await archive.packages().keep_missing()
    assert kept == Kept(1, (f"{CASE}: The report of {CASE} could not be made: KeyError: 'levels'.",))
