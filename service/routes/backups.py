"""Backups: which there are, testing them, bringing a document back, and snapshots."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import AfterValidator

from activities.backup.catalogue import BackupEvent
from service.backup_catalogue import BackupFilter
from service.backup_schemas import (
    BackupActOut,
    BackupDetailOut,
    BackupList,
    BackupOut,
    BackupWorkOut,
    ExtractIn,
    SnapshotIn,
)
from service.backup_works import WorkNow, WorkState
from service.dependencies import DoneOnce, Once, Parts, TheActor, ThePage, TheParts
from service.problem_answers import responses
from service.refusals import CursorUnreadable, KeyReused
from service.schemas import printable
from service.views import API
from workflows.backup_steps import ExtractOrder, SnapshotOrder, TestOrder
from workflows.backup_work import BackupWork
from workflows.domain.approval import Group
from workflows.domain.backups import Backup
from workflows.domain.case import Actor
from workflows.domain.errors import (
    NotAnOperator,
    UnknownBackup,
    UnknownBackupWork,
    UnknownLedger,
    WorkflowUnavailable,
)

router = APIRouter(tags=["backups"])

READERS = (Group.OPERATOR, Group.ADMIN, Group.AUDITOR)
"""Who sees the catalogue."""
WATCHERS = (Group.OPERATOR, Group.ADMIN)
"""Who sees work on backups, which shows documents that were brought back."""
ACTORS = (Group.OPERATOR,)

Id = Annotated[str, Path(description="Id of the backup.", max_length=120), AfterValidator(printable)]
Text = Annotated[str | None, Query(max_length=120), AfterValidator(lambda text: text and printable(text))]
Code = Annotated[str, Path(description="Code of the ledger.", max_length=63)]

SNAPSHOT = SnapshotIn()

_WORK = (NotAnOperator, UnknownBackup, KeyReused, WorkflowUnavailable)


def _require(actor: Actor, groups: tuple[Group, ...]) -> None:
    if not set(actor.groups) & set(groups):
        raise NotAnOperator(actor.person, groups)


@router.get("/backups", responses=responses(CursorUnreadable, NotAnOperator))
async def list_backups(
    parts: TheParts, actor: TheActor, page: ThePage, ledger: Text = None, case: Text = None
) -> BackupList:
    """Every backup there is or was, newest first, for operators, administrators and auditors."""
    _require(actor, READERS)
    found = await parts.catalogue.page(BackupFilter(ledger, case), page)
    return BackupList(items=[_out(backup) for backup in found.items], next=found.next)


@router.get("/backups/{backup}", responses=responses(NotAnOperator, UnknownBackup))
async def read_backup(backup: Id, parts: TheParts, actor: TheActor) -> BackupDetailOut:
    """One backup, and what was done with it."""
    _require(actor, READERS)
    found = await parts.catalogue.find(backup)
    acts = await parts.catalogue.events(backup)
    return BackupDetailOut(**_out(found).model_dump(), acts=[_act(event) for event in acts])


@router.get(
    "/backups/work/{work}", responses=responses(NotAnOperator, UnknownBackupWork, WorkflowUnavailable)
)
async def read_backup_work(
    work: Annotated[str, Path(max_length=64), AfterValidator(printable)], parts: TheParts, actor: TheActor
) -> BackupWorkOut:
    """How far a piece of work on backups is, and what came of it."""
    _require(actor, WATCHERS)
    return _work(work, "", await parts.works.look(work))


@router.post("/backups/{backup}/restore-test", status_code=202, responses=responses(*_WORK))
async def test_backup(
    backup: Id, parts: TheParts, actor: TheActor, once: DoneOnce, response: Response
) -> BackupWorkOut:
    """Restore a stored backup to scratch once more, and compare it with what was proven."""
    _require(actor, ACTORS)
    entry = await parts.catalogue.find(backup)
    order = TestOrder(backup=backup, by=actor.person, key=once.name)
    return await _begin(parts, once, response, backup, _about(parts, entry.ledger, test=order))


@router.post("/backups/{backup}/extract", status_code=202, responses=responses(*_WORK))
async def extract_document(
    backup: Id, body: ExtractIn, parts: TheParts, actor: TheActor, once: DoneOnce, response: Response
) -> BackupWorkOut:
    """Bring a named document back from a backup, for comparison (R40). Goes on record; changes no ledger."""
    _require(actor, ACTORS)
    entry = await parts.catalogue.find(backup)
    order = ExtractOrder(backup=backup, document=body.document, by=actor.person, key=once.name)
    return await _begin(parts, once, response, backup, _about(parts, entry.ledger, extract=order))


@router.post(
    "/ledgers/{code}/snapshots",
    status_code=202,
    responses=responses(NotAnOperator, UnknownLedger, KeyReused, WorkflowUnavailable),
)
async def take_snapshot(
    code: Code,
    parts: TheParts,
    actor: TheActor,
    once: DoneOnce,
    response: Response,
    body: SnapshotIn = SNAPSHOT,
) -> BackupWorkOut:
    """Take a snapshot of a ledger, prove it, and remove what retention keeps no longer (R36)."""
    _require(actor, ACTORS)
    parts.book.profile(code)
    backup = f"{code}-snapshot-{once.name[:12]}"
    order = SnapshotOrder(id=backup, ledger=code, by=actor.person, reason=body.reason)
    return await _begin(parts, once, response, backup, _about(parts, code, snapshot=order))


def _about(
    parts: Parts,
    ledger: str,
    snapshot: SnapshotOrder | None = None,
    test: TestOrder | None = None,
    extract: ExtractOrder | None = None,
) -> BackupWork:
    at_site = parts.book.profile(ledger).at_site
    return BackupWork(ledger=ledger, at_site=at_site, snapshot=snapshot, test=test, extract=extract)


async def _begin(
    parts: Parts, once: Once, response: Response, backup: str, work: BackupWork
) -> BackupWorkOut:
    async def do() -> BackupWorkOut:
        await parts.works.start(once.name, work)
        return _work(once.name, backup, WorkNow(WorkState.RUNNING))

    begun = await once.answer(BackupWorkOut, do)
    response.headers["Location"] = begun.links["self"]
    return begun


def _work(name: str, backup: str, now: WorkNow) -> BackupWorkOut:
    about = now.done.backup if now.done else backup
    links = {"self": f"{API}/backups/work/{name}"}
    return BackupWorkOut(
        id=name,
        state=now.state,
        backup=about,
        document=now.done.document if now.done else None,
        error=now.error,
        detail=now.says,
        links={**links, "backup": f"{API}/backups/{about}"} if about else links,
    )


def _out(backup: Backup) -> BackupOut:
    names = BackupOut.model_fields.keys() - {"encrypted_to"}
    said = {name: getattr(backup, name) for name in names}
    return BackupOut(**said, encrypted_to=list(backup.encrypted_to))


def _act(event: BackupEvent) -> BackupActOut:
    return BackupActOut(act=event.act, actor=event.actor, at=event.at, data=event.data)
