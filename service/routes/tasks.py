"""One inbox for people: what they are asked to do, and their answers."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator

from service import views
from service.dependencies import DoneOnce, TheLanguage, ThePage, TheParts, TheViewer
from service.fresh import CONDITIONAL, TheFreshness
from service.problem_answers import responses
from service.queries import TaskFilter
from service.refusals import CursorUnreadable, KeyReused
from service.schemas import ActIn, ActOut, Flag, TaskList, TaskOut, printable
from workflows.domain.case import Act, Actor, TaskKind
from workflows.domain.errors import (
    ActIncomplete,
    ActionNotPossible,
    AlreadyDecided,
    NotACorrector,
    NotAnApprover,
    NotAnOperator,
    NotAuthoriser,
    NothingMoved,
    NotStandingIn,
    NotTheErpAdministrator,
    NotYourTurn,
    OwnCase,
    OwnExplanation,
    PersonNotEligible,
    SeatNeededLater,
    SecondGroupNeeded,
    SelfApproval,
    StaleDigest,
    TaskClosed,
    UnknownLevel,
    UnknownPerson,
    UnknownTask,
    WorkflowUnavailable,
)

router = APIRouter(prefix="/tasks", tags=["tasks"])

CaseNumber = Annotated[str, AfterValidator(printable)]
Id = Annotated[str, Path(description="Id of the task.", max_length=120), AfterValidator(printable)]


@router.get("", responses=responses(CursorUnreadable))
async def list_tasks(
    parts: TheParts,
    viewer: TheViewer,
    page: ThePage,
    language: TheLanguage,
    mine: Annotated[Flag, Query(description="Only those that the one who asks may act on.")] = False,
    state: Literal["open", "closed"] | None = None,
    kind: TaskKind | None = None,
    request: Annotated[CaseNumber | None, Query(max_length=32, description="Number of a case.")] = None,
) -> TaskList:
    """Tasks, newest first."""
    is_open = None if state is None else state == "open"
    wanted = TaskFilter(viewer if mine else None, is_open, kind, request)
    found = await parts.reader.tasks(wanted, page)
    now = parts.now()
    return TaskList(items=[views.task(view, viewer, now, language) for view in found.items], next=found.next)


@router.get("/{task}", responses=responses(UnknownTask) | CONDITIONAL)
async def read_task(
    task: Id, parts: TheParts, viewer: TheViewer, language: TheLanguage, fresh: TheFreshness
) -> TaskOut:
    """One task, with what must be seen before acting on it."""
    shown = views.task(await parts.reader.task(task), viewer, parts.now(), language)
    # What one may do depends on more than the case: on one's groups, and on who stands in for whom.
    fresh.of_text(shown.model_dump_json(exclude={"age_seconds"}))
    return shown


@router.post(
    "/{task}/actions",
    responses=responses(
        UnknownTask,
        TaskClosed,
        ActionNotPossible,
        ActIncomplete,
        UnknownPerson,
        UnknownLevel,
        PersonNotEligible,
        NotYourTurn,
        SeatNeededLater,
        StaleDigest,
        AlreadyDecided,
        SelfApproval,
        NotAnApprover,
        NotAuthoriser,
        NotStandingIn,
        SecondGroupNeeded,
        NotACorrector,
        NotAnOperator,
        OwnCase,
        NotTheErpAdministrator,
        NothingMoved,
        OwnExplanation,
        KeyReused,
        WorkflowUnavailable,
    ),
    openapi_extra={"x-irreversible": "A consent or refusal stands on record; only a drift makes it void."},
)
async def act_on_task(task: Id, body: ActIn, parts: TheParts, once: DoneOnce) -> ActOut:
    """One person's act: approve, reject, return, transfer, add a sign, comment, authorise, finish, and so on.

    What consents or refuses is bound to the digest shown. An act that was refused says why at once.
    """
    return await once.act(lambda call: parts.acts.on_task(call, _act(task, call.actor, body)))


def _act(task: str, actor: Actor, body: ActIn) -> Act:
    return Act(
        task=task,
        actor=actor,
        action=body.action,
        digest=body.digest,
        comment=body.comment,
        to=body.to,
        resume=body.resume,
        persons=tuple(dict.fromkeys(body.persons)),
        position=body.position,
        acting_for=body.acting_for,
    )
