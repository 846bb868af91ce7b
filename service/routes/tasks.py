"""One inbox for people: what they are asked to do, and their answers."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator

from service import views
from service.dependencies import DoneOnce, Parts, TheLanguage, ThePage, TheParts, TheViewer
from service.fresh import CONDITIONAL, TheFreshness
from service.problem_answers import responses
from service.queries import TaskFilter, TaskView, Viewer
from service.refusals import CursorUnreadable, KeyReused
from service.schemas import ActIn, ActOut, Flag, TaskList, TaskOut, printable
from service.standing_tasks import StandingView, is_standing
from service.standing_views import standing_act, standing_task
from service.task_list import task_list
from service.texts import Language
from workflows.domain.case import Act, Actor, TaskAction, TaskKind
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
    StandingTaskClosed,
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
    found = await task_list(parts.reader, parts.standing, wanted, page)
    now = parts.now()
    return TaskList(items=[_shown(view, viewer, now, language) for view in found.items], next=found.next)


@router.get("/{task}", responses=responses(UnknownTask) | CONDITIONAL)
async def read_task(
    task: Id, parts: TheParts, viewer: TheViewer, language: TheLanguage, fresh: TheFreshness
) -> TaskOut:
    """One task, with what must be seen before acting on it."""
    view = await (parts.standing.find(task) if is_standing(task) else parts.reader.task(task))
    shown = _shown(view, viewer, parts.now(), language)
    # What one may do depends on more than the case: on one's groups, and on who stands in for whom.
    fresh.of_text(shown.model_dump_json(exclude={"age_seconds"}))
    return shown


@router.post(
    "/{task}/actions",
    responses=responses(
        UnknownTask,
        TaskClosed,
        StandingTaskClosed,
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

    What consents or refuses is bound to the digest shown. An act that was refused says why at once. A task
    that belongs to no case is closed, with a comment on what was found or done.
    """
    if is_standing(task):
        return await once.answer(ActOut, lambda: _close(task, body, parts, once.actor))
    return await once.act(lambda call: parts.acts.on_task(call, _act(task, call.actor, body)))


async def _close(task: str, body: ActIn, parts: Parts, actor: Actor) -> ActOut:
    if body.action != TaskAction.CLOSE:
        raise ActionNotPossible(body.action, task, (TaskAction.CLOSE,))
    return standing_act(await parts.standing.close(task, actor, body.comment))


def _shown(view: TaskView | StandingView, viewer: Viewer, now: datetime, language: Language) -> TaskOut:
    if isinstance(view, StandingView):
        return standing_task(view, viewer.actor, now, language)
    return views.task(view, viewer, now, language)


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
