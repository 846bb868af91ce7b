"""A register in which every table of evidence has rows, each written by whoever writes it in earnest."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.backup.catalogue import BackupAct, BackupEvent
from activities.backup.store import ObjectStore
from activities.watching import Known
from service.audit_trail import AuditKind, AuditTrail
from service.backup_catalogue import SqlBackupCatalogue
from service.case_attachments import stored_name
from service.checkpoints import Checkpoints
from service.database import Database
from service.delegations import Delegations
from service.evidence_packages import EvidencePackages, Sources, StoredReports
from service.ledger_book import LedgerBook
from service.legal_holds import LegalHolds
from service.policies import PolicyStore
from service.register import SqlRegister
from service.reports import sealed
from service.root_causes import Naming, SqlRootCauses
from service.sealed_files import DataFolder
from service.signing import Signer
from service.standing_tasks import StandingTasks
from service.time_stamps import TimeStamps
from service.watch_register import SqlWatchRegister
from tests.fake_authority import URL, FakeAuthority
from tests.fakes import FakeGateway
from tests.trail_world import ATTACHED, CASE, NOON, SHEET, tell_a_finished_case
from workflows.domain.approval import Group
from workflows.domain.backups import Backup, BackupPoint
from workflows.domain.case import Actor, TaskKind
from workflows.domain.delegation import Delegation
from workflows.domain.standing import StandingTask
from workflows.domain.watch import Sighting

OTHER = "UC-2025-000002"
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
HEAD = Actor("finance-head", (Group.FINANCE, Group.FINANCE_HEAD))
AUDITOR = Actor("auditor", (Group.AUDITOR,))
PDF = {"zh": b"%PDF-1.7 zh", "en": b"%PDF-1.7 en"}

_LEDGERS = """
[ledgers.demo]
name = "演示账套"
connector = "demo"
options = { path = "demo.sqlite" }
modules = ["inventory", "gl"]
closes_before = [["inventory", "gl"]]
"""


class TwoReports(StoredReports):
    async def stored(self, case: str) -> Mapping[str, bytes]:
        return PDF


async def fill(database: Database, store: ObjectStore, folder: Path) -> None:
    """Two cases that have ended, and beside them one or two rows of everything."""
    for case in (CASE, OTHER):
        await tell_a_finished_case(SqlRegister(database), case)
        store.put_new(stored_name(case, str(ATTACHED["sha256"])), SHEET)
        await _reports(database, store, case)
        await _backups(database, case)
    await _beside_cases(database, folder)
    trail = AuditTrail(database)
    gateway = FakeGateway()
    gateway.histories[CASE] = b'{"events": []}'
    packages = EvidencePackages(
        database, Sources(gateway, store, DataFolder(folder), SIGNER, TwoReports()), trail
    )
    assert (await packages.keep_missing()).made == 2
    authority = FakeAuthority.open()
    checkpoints = Checkpoints(database, SIGNER, TimeStamps(URL, [authority.root], authority.transport()))
    await checkpoints.make()
    await trail.tell(AUDITOR, AuditKind.EVIDENCE_READ, CASE, {"file": "evidence.zip"})
    await checkpoints.make()


async def _reports(database: Database, store: ObjectStore, case: str) -> None:
    for language, pdf in PDF.items():
        name = f"reports/{case}/{case}-{language}.pdf"
        store.put_new(name, pdf)
        row = {"case_id": case, "language": language, "format": "unclose-report-1", "name": name}
        row |= {"sha256": hashlib.sha256(pdf).hexdigest(), "bytes": len(pdf)}  # type: ignore[dict-item]  # a row
        row |= {"is_signed": False, "made_at": NOON}  # type: ignore[dict-item]  # a row
        await database.write(partial(sealed._enter, row=row))


def a_backup(case: str) -> Backup:
    return Backup(
        id=f"{case}-A",
        ledger="demo",
        case=case,
        point=BackupPoint.A,
        engine="sqlite",
        location=f"backups/demo/{case}-A/manifest.json",
        raw_bytes=31_000,
        stored_bytes=9_000,
        sha256="a" * 64,
        manifest_sha256="b" * 64,
        encrypted_to=("age1x",),
        root="c" * 64,
        started_at=NOON,
        taken_at=NOON,
        milliseconds=1200,
    )


async def _backups(database: Database, case: str) -> None:
    catalogue, backup = SqlBackupCatalogue(database), a_backup(case)
    await catalogue.keep(backup)
    await catalogue.keep(backup.proven(900, NOON + timedelta(minutes=1)))
    tested = BackupEvent(
        backup=backup.id, key="test-1", act=BackupAct.TESTED, actor="operator", at=NOON, data={"ms": 900}
    )
    await catalogue.record(tested)


async def _beside_cases(database: Database, folder: Path) -> None:
    holds = LegalHolds(database)
    await holds.set(CASE, "税务稽查", AUDITOR, NOON)
    await holds.lift(CASE, "稽查结束", AUDITOR, NOON + timedelta(days=1))
    await holds.set(OTHER, "诉讼", AUDITOR, NOON)
    causes = SqlRootCauses(database, {})
    for n, case in enumerate((CASE, OTHER)):
        await causes.name(Naming(case, "count_incomplete", f"货位漏盘 {n}", HEAD), NOON)
    tasks = StandingTasks(database, lambda: NOON)
    for n in range(2):
        found = StandingTask(
            subject=f"watch/demo/{n}",
            raised_by=f"run-{n}",
            kind=TaskKind.ATTENTION,
            code="lock_removed",
            owner=Group.FINANCE_HEAD,
            ledger="demo",
            facts={"n": n},
        )
        opened, _ = await tasks.bring_in_line(found.subject, [found], Actor("watch"))
    await tasks.close(opened[0], HEAD, "年审后解除")
    made = Delegation("", "finance", "it", NOON, NOON + timedelta(days=9), None, "出差")
    await Delegations(database, lambda: NOON).make(made, Actor("finance"), None)
    (folder / "ledgers.toml").write_text(_LEDGERS, encoding="utf-8")
    policies = PolicyStore(database, LedgerBook.load(folder / "ledgers.toml"), lambda: NOON)
    for group in ("it", "finance"):
        await policies.put("demo", f'[[levels]]\nname = "one"\ngroups = "{group}"\n', "admin", "年度修订")
    seen = Sighting({"gl": "2025-06"}, ("gl 2024-12",), {"gl 2025-05": "a" * 64}, {"gl 2025-05": "b" * 64})
    await SqlWatchRegister(database).keep("demo", None, Known("run-1", NOON, 7, "12", seen), ())
