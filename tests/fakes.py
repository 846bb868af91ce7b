"""Fakes of the service's ports, one per port: they keep the promises of the port and nothing else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from service.admin_log import AdminEvent
from service.backup_works import WorkNow, WorkState
from service.refusals import ScheduleRuns
from service.schedule_plan import Planned
from service.schedule_register import Wish
from service.schedules import ScheduleNow
from service.temporal_gateway import Gateway, Readiness
from workflows.backup_work import BackupWork
from workflows.domain.attachments import Attaching
from workflows.domain.case import Act, Actor, CaseNow, Extension, Finish, Reminder, Resubmission, Withdrawal
from workflows.domain.errors import UncloseError, UnknownBackupWork, UnknownRequest, WorkflowUnavailable
from workflows.domain.request import CaseState, UncloseRequest
from workflows.periodic_steps import RunRecord

Said = Act | Withdrawal | Resubmission | Reminder | Finish | Extension | Attaching


async def _nothing(request: UncloseRequest) -> None:
    return None


class FakeGateway(Gateway):
    """Cases that start, take what they are told, and refuse what a test wants refused."""

    def __init__(self) -> None:
        self.started: dict[str, UncloseRequest] = {}
        self.starts = 0
        self.heard: list[Said] = []
        self.refuses_with: UncloseError | None = None
        self.is_down = False
        self.has_workers = True
        self.first_step: Callable[[UncloseRequest], Awaitable[None]] = _nothing
        self.histories: dict[str, bytes] = {}
        self._answers: dict[str, CaseNow] = {}

    async def start(self, request: UncloseRequest) -> None:
        self._require_up()
        self.starts += 1
        if request.id not in self.started:
            self.started[request.id] = request
            await self.first_step(request)

    async def has_started(self, case: str) -> bool:
        self._require_up()
        return case in self.started

    async def act(self, case: str, act: Act, update: str) -> CaseNow:
        return self._take(case, act, update)

    async def withdraw(self, case: str, withdrawal: Withdrawal, update: str) -> CaseNow:
        return self._take(case, withdrawal, update)

    async def resubmit(self, case: str, resubmission: Resubmission, update: str) -> CaseNow:
        return self._take(case, resubmission, update)

    async def remind(self, case: str, reminder: Reminder, update: str) -> CaseNow:
        return self._take(case, reminder, update)

    async def finish(self, case: str, finish: Finish, update: str) -> CaseNow:
        return self._take(case, finish, update)

    async def extend(self, case: str, extension: Extension, update: str) -> CaseNow:
        return self._take(case, extension, update)

    async def attach(self, case: str, attaching: Attaching, update: str) -> CaseNow:
        return self._take(case, attaching, update)

    async def history(self, case: str) -> bytes | None:
        self._require_up()
        return self.histories.get(case)

    async def readiness(self) -> Readiness:
        return Readiness(temporal=not self.is_down, workers=not self.is_down and self.has_workers)

    def _take(self, case: str, said: Said, update: str) -> CaseNow:
        self._require_up()
        if update in self._answers:
            return self._answers[update]
        if self.refuses_with is not None:
            raise self.refuses_with
        if case not in self.started:
            raise UnknownRequest(case)
        self.heard.append(said)
        self._answers[update] = CaseNow(case, CaseState.APPROVING, "d" * 64, ("finance",))
        return self._answers[update]

    def _require_up(self) -> None:
        if self.is_down:
            raise WorkflowUnavailable("unavailable")


@dataclass
class FakeBackupWorks:
    """Work that is taken, and ends when a test says so."""

    begun: dict[str, BackupWork] = field(default_factory=dict)
    ended: dict[str, WorkNow] = field(default_factory=dict)
    is_down: bool = False

    async def start(self, name: str, work: BackupWork) -> None:
        if self.is_down:
            raise WorkflowUnavailable("unavailable")
        self.begun.setdefault(name, work)

    async def look(self, name: str) -> WorkNow:
        if name not in self.begun:
            raise UnknownBackupWork(name)
        return self.ended.get(name, WorkNow(WorkState.RUNNING))


@dataclass
class FakeScheduleServer:
    """Schedules that remember what they were told, and never run."""

    there: dict[str, Wish] = field(default_factory=dict)
    plans: dict[str, Planned] = field(default_factory=dict)
    triggered: list[str] = field(default_factory=list)
    made_up: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    is_down: bool = False
    runs: bool = False

    async def put(self, planned: Planned, wish: Wish, *, firmly: bool) -> None:
        self._require_up()
        was = self.there.get(planned.name)
        keeps = was is not None and was.paused and not firmly
        self.there[planned.name] = was if was is not None and keeps else wish
        self.plans[planned.name] = planned

    async def remove(self, name: str) -> None:
        self._require_up()
        self.there.pop(name, None)

    async def look(self, name: str) -> ScheduleNow | None:
        self._require_up()
        wish = self.there.get(name)
        return None if wish is None else ScheduleNow(wish.paused, wish.comment, (), (), 0, 0, 0)

    async def trigger(self, name: str) -> None:
        self._require_up()
        if self.runs:
            raise ScheduleRuns(name)
        self.triggered.append(name)

    async def backfill(self, name: str, begin: datetime, end: datetime) -> None:
        self._require_up()
        self.made_up.append((name, begin, end))

    def _require_up(self) -> None:
        if self.is_down:
            raise WorkflowUnavailable("unavailable")


@dataclass
class FakeScheduleRegister:
    """What people said of schedules and how runs ended, as the register keeps it."""

    said: dict[str, Wish] = field(default_factory=dict)
    log: list[RunRecord] = field(default_factory=list)
    heard: list[tuple[AdminEvent, str]] = field(default_factory=list)

    async def wishes(self) -> dict[str, Wish]:
        return dict(self.said)

    async def remember(self, name: str) -> None:
        self.said.setdefault(name, Wish())

    async def put(self, name: str, wish: Wish, by: Actor) -> None:
        self.said[name] = wish
        self.heard.append((AdminEvent.SCHEDULE_CHANGED, name))

    async def forget(self, name: str, by: Actor) -> None:
        self.said.pop(name, None)
        self.heard.append((AdminEvent.SCHEDULE_REMOVED, name))

    async def note_run(self, record: RunRecord) -> None:
        if record.run not in {known.run for known in self.log}:
            self.log.append(record)
