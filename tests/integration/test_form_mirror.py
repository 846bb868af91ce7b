"""Decisions made here answer their maker's own task in the form's flow, once; none comes back from there."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from service.jiandaoyun.access import Access
from service.jiandaoyun.flows import MirrorOutcome
from service.jiandaoyun.forms import Forms, FormsUnreadable, Mirror
from service.jiandaoyun.mirror import CHANNEL
from service.jiandaoyun.mirroring import open_mirror
from service.sending.dispatcher import Dispatcher
from service.sending.ports import Channel, Parcel
from service.sending.source import Sent
from tests.fake_jiandaoyun.api import API_KEY
from tests.fake_jiandaoyun.company import FakeRefusal, Json
from tests.fake_jiandaoyun.flows import FakeFlow, FakeNode
from tests.fake_receivers import FakeClock
from tests.fakes import FakeGateway
from tests.form_stage import FORMS, FormStage, a_form_stage
from tests.integration.test_dead_letters import alarms
from tests.integration.test_outbox import OPERATOR
from workflows.domain.case import CaseChange, CaseEvent, EventKind
from workflows.domain.digest import Json as Value
from workflows.domain.request import CaseState

USERS = {"zhangmin": "clerk", "liwei": "warehouse", "wangfang": "finance"}
NODES = (
    FakeNode(0, "提交", ("zhangmin",)),
    FakeNode(1, "仓储", ("liwei", "zhaoliu")),
    FakeNode(2, "财务", ("wangfang",)),
)
O = MirrorOutcome  # noqa: E741  # short for a table


@dataclass
class Stage:
    """A case that came from a record with a workflow of its own, and a worker's dispatcher."""

    forms: FormStage
    gateway: FakeGateway
    dispatcher: Dispatcher
    clock: FakeClock
    flow: FakeFlow
    case: str

    async def decides(self, person: str, answer: str, on_behalf_of: str | None = None, **more: Value) -> None:
        """A person decides here, and the worker sends what there is to send."""
        await self.notes(person, answer, on_behalf_of, **more)
        while await self.dispatcher.turn():
            pass

    async def notes(self, person: str, answer: str, on_behalf_of: str | None = None, **more: Value) -> None:
        self.forms.seq[self.case] = n = self.forms.seq.get(self.case, 0) + 1
        said: dict[str, Value] = {"task": f"approval-{n}", "level": n, "name": person, "group": person}
        said |= {"answer": answer, "digest": "d" * 64, "comment": "已核对", "from_where": "api", **more}
        event = CaseEvent(n, datetime.now(UTC), person, on_behalf_of, EventKind.DECIDED, said)
        await self.forms.register.record(CaseChange(self.case, CaseState.APPROVING, (event,)))

    async def outcomes(self) -> list[MirrorOutcome | None]:
        shown = await self.forms.records.of_case(self.case)
        assert shown is not None
        return [one.outcome for one in shown.mirrored]

    def answered(self) -> list[tuple[str, str]]:
        """Who has answered there, and how."""
        return [(said["operator"]["username"], said["finish_action"]) for said in self.flow.logs[1:]]

    def running(self) -> list[str]:
        return [task["assignee"]["username"] for task in self.flow.tasks if task["status"] == 0]

    def asked(self, path: str) -> int:
        return self.forms.api.calls.count(path)

    def task_of(self, username: str) -> Json:
        """As this person would answer their task by hand, in Jiandaoyun."""
        [task] = [t for t in self.flow.tasks if t["status"] == 0 and t["assignee"]["username"] == username]
        return {"task_id": task["task_id"], "username": username, "comment": "在简道云提交"}


@asynccontextmanager
async def a_stage(
    folder: Path, empty_register: Path, mirror: Mirror | None, nodes: tuple[FakeNode, ...] = NODES
) -> AsyncIterator[Stage]:
    gateway = FakeGateway()
    async with a_form_stage(folder, empty_register, gateway) as forms:
        gateway.first_step = forms.register.receive
        record = forms.submit()
        ticks = (datetime(2025, 6, 11, tzinfo=UTC) + timedelta(seconds=n) for n in itertools.count())
        flow = FakeFlow(forms.fake_form, record, nodes, lambda: next(ticks))
        [start] = flow.tasks
        flow.answer("forward", {"task_id": start["task_id"], "username": "zhangmin"})
        forms.api.flows[record] = flow
        case = (await forms.look(record)).case_id
        assert case is not None
        read = Forms((replace(forms.form, mirror=mirror),), USERS, "http://fake-jiandaoyun/api", "env:KEY")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(forms.api.app())) as http:
            parts = open_mirror(Access(read, SecretStr(API_KEY)), forms.database, http)
            clock = FakeClock(datetime.now(UTC))
            dispatcher = Dispatcher(
                forms.database, parts.channels, parts.audiences, clock, chance=lambda: 0.5
            )
            yield Stage(forms, gateway, dispatcher, clock, flow, case)


@pytest.fixture
async def stage(tmp_path: Path, empty_register: Path) -> AsyncIterator[Stage]:
    async with a_stage(tmp_path, empty_register, Mirror(start_node=0)) as made:
        yield made


async def test_an_approval_answers_the_persons_own_task_and_says_where_it_was_made(stage: Stage) -> None:
    await stage.decides("warehouse", "approve")
    assert stage.answered() == [("liwei", "forward")]
    assert stage.flow.logs[-1]["comment"] == f"[Unclose {stage.case} #1] 同意: 已核对"
    await stage.decides("finance", "approve")
    assert stage.answered() == [("liwei", "forward"), ("wangfang", "forward")]
    assert (stage.flow.status, stage.flow.result) == (1, 1)
    assert await stage.outcomes() == [O.MIRRORED, O.MIRRORED]


async def test_a_rejection_ends_the_flow_there_and_changes_nothing_more_here(stage: Stage) -> None:
    await stage.decides("warehouse", "reject")
    assert (stage.flow.status, stage.flow.result) == (1, 0)
    acts = len(stage.gateway.heard)
    known = await stage.forms.look(stage.flow.record)
    assert (known.case_id, len(stage.gateway.heard)) == (stage.case, acts), "its own echo is no act"


async def test_a_return_to_the_applicant_leads_to_the_start_there(stage: Stage) -> None:
    await stage.decides("warehouse", "return", to="applicant", resume="direct")
    assert stage.answered() == [("liwei", "back")]
    assert stage.running() == ["zhangmin"]


async def test_a_return_to_where_no_node_is_named_is_not_shown(tmp_path: Path, empty_register: Path) -> None:
    async with a_stage(tmp_path, empty_register, Mirror()) as stage:
        await stage.decides("warehouse", "return", to="applicant", resume="replay")
        await stage.decides("warehouse", "return", to="warehouse", resume="replay")
        assert (stage.answered(), await stage.outcomes()) == ([], [O.NO_NODE, O.NO_NODE])


async def test_nobody_elses_task_is_answered(stage: Stage) -> None:
    await stage.decides("finance", "approve")  # whose turn it is not, there
    await stage.decides("it", "approve")  # who has no user name there
    await stage.decides(
        "finance", "approve", on_behalf_of="warehouse"
    )  # who stands in for one who has a task
    assert stage.answered() == []
    assert stage.running() == ["liwei", "zhaoliu"]
    assert await stage.outcomes() == [O.NO_TASK, O.NO_USER, O.NO_TASK]


async def test_what_is_decided_there_decides_nothing_here(stage: Stage) -> None:
    stage.flow.answer("forward", stage.task_of("liwei"))
    stage.flow.answer("forward", stage.task_of("wangfang"))
    record = stage.forms.fake_form.records[stage.flow.record]
    assert record["flowState"] == 1
    await stage.forms.look(stage.flow.record)
    assert stage.gateway.heard == []
    before = (await stage.forms.reader.case(stage.case)).state
    await stage.decides("warehouse", "approve")
    assert (await stage.outcomes(), stage.asked("task/approve")) == ([O.NO_TASK], 0)
    assert (await stage.forms.reader.case(stage.case)).state == CaseState.APPROVING
    assert before == CaseState.RECEIVED


# --------------------------------------------------------------------------- once each


TWICE = (FakeNode(0, "提交", ("zhangmin",)), FakeNode(1, "仓储", ("liwei",)), FakeNode(2, "复核", ("liwei",)))
"""The same person is asked twice in a row: a repeat must not answer the second task."""


async def test_a_decision_that_is_sent_again_answers_no_other_task(
    tmp_path: Path, empty_register: Path
) -> None:
    async with a_stage(tmp_path, empty_register, Mirror(), TWICE) as stage:
        sent: list[Parcel] = []
        channel = stage.dispatcher._channels[CHANNEL]

        class Repeating(Channel):
            """As if the worker had been killed after the answer, and another had taken it up."""

            per_minute = None

            async def send(self, parcel: Parcel) -> None:
                sent.append(parcel)
                await channel.send(parcel)
                await channel.send(parcel)

        stage.dispatcher._channels = {CHANNEL: Repeating()}
        await stage.decides("warehouse", "approve")
        assert stage.answered() == [("liwei", "forward")]
        assert len(sent) == 1
        assert await stage.outcomes() == [O.MIRRORED]
        await stage.decides("warehouse", "approve")
        assert stage.answered() == [("liwei", "forward"), ("liwei", "forward")]


@pytest.mark.parametrize("by_us", [True, False])
async def test_a_task_that_was_answered_before_tells_by_whom(stage: Stage, by_us: bool) -> None:
    """The worker dies with the task chosen: after its answer, or before somebody answers by hand."""
    channel = stage.dispatcher._channels[CHANNEL]
    client = channel._client  # type: ignore[attr-defined]  # what a fake dies in
    answer = client.answer

    async def dies(answered: object) -> bool:
        if by_us:
            await answer(answered)
        raise RuntimeError("killed")

    client.answer = dies
    await stage.decides("warehouse", "approve")
    client.answer = answer
    if not by_us:
        stage.flow.answer("forward", stage.task_of("liwei"))
    stage.clock.move(timedelta(minutes=2))
    while await stage.dispatcher.turn():
        pass
    assert stage.answered() == [("liwei", "forward")]
    assert await stage.outcomes() == [O.MIRRORED if by_us else O.HANDLED_THERE]


# --------------------------------------------------------------------------- refusals


async def test_while_jiandaoyun_is_away_decisions_wait_in_order(stage: Stage) -> None:
    stage.forms.api.faults.extend(FakeRefusal(0, "bad gateway", 502) for _ in range(8))
    client = stage.dispatcher._channels[CHANNEL]._client  # type: ignore[attr-defined]  # it need not wait

    async def at_once(seconds: float) -> None:
        """Nobody waits in a test."""

    client._sleep = client._pace._sleep = at_once
    await stage.notes("warehouse", "approve")
    await stage.decides("finance", "approve")
    assert (stage.answered(), await stage.outcomes()) == ([], [])
    for _ in range(6):
        stage.clock.move(timedelta(minutes=1))
        while await stage.dispatcher.turn():
            pass
    assert stage.answered() == [("liwei", "forward"), ("wangfang", "forward")]


@pytest.mark.parametrize("code", [8301, 17054, 7212, 5004])
async def test_what_a_person_must_put_right_is_a_dead_letter_and_an_alarm(stage: Stage, code: int) -> None:
    stage.forms.api.faults.append(FakeRefusal(code))
    await stage.decides("warehouse", "approve")
    assert stage.answered() == []
    [alarm] = await alarms(stage.forms.database)
    assert (alarm.facts["hook"], str(code) in str(alarm.facts["says"])) == (CHANNEL, True)
    await Sent(stage.forms.database, stage.clock).replay(str(alarm.facts["delivery"]), OPERATOR)
    while await stage.dispatcher.turn():
        pass
    assert stage.answered() == [("liwei", "forward")]


async def test_a_node_that_asks_for_a_handwritten_signature_stays_for_a_hand(
    tmp_path: Path, empty_register: Path
) -> None:
    nodes = (NODES[0], FakeNode(1, "仓储", ("liwei",), needs_signature=True))
    async with a_stage(tmp_path, empty_register, Mirror(), nodes) as stage:
        await stage.decides("warehouse", "approve")
        [alarm] = await alarms(stage.forms.database)
        assert "5012" in str(alarm.facts["says"])


async def test_a_record_without_a_flow_is_told_nothing(stage: Stage) -> None:
    stage.forms.api.flows.clear()
    await stage.decides("warehouse", "approve")
    assert await stage.outcomes() == [O.GONE]
    assert await alarms(stage.forms.database) == []


# --------------------------------------------------------------------------- off unless asked for


async def test_nothing_is_mirrored_unless_the_form_says_so(tmp_path: Path, empty_register: Path) -> None:
    async with a_stage(tmp_path, empty_register, None) as stage:
        await stage.decides("warehouse", "approve")
        assert (stage.answered(), stage.asked("instance/get")) == ([], 0)


@pytest.mark.parametrize(
    ("said", "mirror"),
    [
        ("", None),
        ("[forms.stock.mirror]\napprovals = false\n", None),
        ("[forms.stock.mirror]\napprovals = true\n", Mirror()),
        ("[forms.stock.mirror]\napprovals = true\nstart_node = 0\n", Mirror(0)),
    ],
)
def test_the_form_says_whether_it_is_mirrored(tmp_path: Path, said: str, mirror: Mirror | None) -> None:
    (tmp_path / "jiandaoyun.toml").write_text(FORMS + said, encoding="utf-8")
    assert Forms.load(tmp_path / "jiandaoyun.toml").forms[0].mirror == mirror


def test_a_form_whose_flow_has_ended_before_cannot_be_mirrored(tmp_path: Path) -> None:
    late = FORMS.replace("ledgers = {", 'starts = "completed"\nledgers = {', 1)
    said = f"{late}\n[forms.stock.mirror]\napprovals = true\n"
    (tmp_path / "jiandaoyun.toml").write_text(said, encoding="utf-8")
    with pytest.raises(FormsUnreadable, match=r"mirror\.approvals"):
        Forms.load(tmp_path / "jiandaoyun.toml")
