"""One inbox for people: what they are asked to do, and their answers."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator

from service import views
from service.dependencies import DoneOnce, TheActor, TheLanguage, ThePage, TheParts
from service.fresh import CONDITIONAL, TheFreshness
from service.problem_answers import responses
from service.queries import TaskFilter
from service.refusals import CursorUnreadable, KeyReused
from service.schemas import ActIn, ActOut, Flag, TaskList, TaskOut, printable
from workflows.domain.case import TaskKind
from workflows.domain.errors import (
    ActionNotPossible,
    AlreadyDecided,
    NotACorrector,
    NotAnApprover,
    NotAnOperator,
    NotAuthoriser,
    SecondGroupNeeded,
    SelfApproval,
    StaleDigest,
    TaskClosed,
    UnknownTask,
    WorkflowUnavailable,
)

router = APIRouter(prefix="/tasks", tags=["tasks"])

CaseNumber = Annotated[str, AfterValidator(printable)]
Id = Annotated[str, Path(description="Id of the task.", max_length=120), AfterValidator(printable)]


@router.get("", responses=responses(CursorUnreadable))
async def list_tasks(
    parts: TheParts,
    actor: TheActor,
    page: ThePage,
    language: TheLanguage,
    mine: Annotated[Flag, Query(description="Only those that the one who asks may act on.")] = False,
    state: Literal["open", "closed"] | None = None,
    kind: TaskKind | None = None,
    request: Annotated[CaseNumber | None, Query(max_length=32, description="Number of a case.")] = None,
) -> TaskList:
    """Tasks, newest first."""
    is_open = None if state is None else state == "open"
    wanted = TaskFilter(actor if mine else None, is_open, kind, request)
    found = await parts.reader.tasks(wanted, page)
    now = parts.now()
    return TaskList(items=[views.task(view, actor, now, language) for view in found.items], next=found.next)


@router.get("/{task}", responses=responses(UnknownTask) | CONDITIONAL)
async def read_task(
    task: Id, parts: TheParts, actor: TheActor, language: TheLanguage, fresh: TheFreshness
) -> TaskOut:
    """One task, with what must be seen before acting on it."""
    shown = views.task(await parts.reader.task(task), actor, parts.now(), language)
    # What one may do depends on more than the case: on one's groups, and on who stands in for whom.
    fresh.of_text(shown.model_dump_json(exclude={"age_seconds"}))
    return shown


@router.post(
    "/{task}/actions",
    responses=responses(
        UnknownTask,
        TaskClosed,
        ActionNotPossible,
        StaleDigest,
        AlreadyDecided,
        SelfApproval,
        NotAnApprover,
        NotAuthoriser,
        SecondGroupNeeded,
        NotACorrector,
        NotAnOperator,
        KeyReused,
        WorkflowUnavailable,
    ),
    openapi_extra={"x-irreversible": "A consent or refusal stands on record; only a drift makes it void."},
)
async def act_on_task(task: Id, body: ActIn, parts: TheParts, once: DoneOnce) -> ActOut:
    """Approve, reject, authorise, finish or try again: one person's act, bound to the digest shown."""
    return await once.act(lambda call: parts.acts.on_task(call, task, body.action, body.digest, body.comment))
