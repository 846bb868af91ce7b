"""Form records become cases, follow their edits, and show what became of them, however pushes come."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fake_jiandaoyun.company import FakeRefusal
from tests.fakes import FakeGateway
from tests.form_stage import MESSAGE, NUMBER, REPORT, STATE, WAITING_FOR, FormStage, a_form_stage
from workflows.domain.case import Resubmission, Withdrawal
from workflows.domain.errors import WorkflowUnavailable, WrongState
from workflows.domain.request import CaseState


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def stage(tmp_path: Path, empty_register: Path, gateway: FakeGateway) -> AsyncIterator[FormStage]:
    async with a_form_stage(tmp_path, empty_register, gateway) as made:
        gateway.first_step = made.register.receive
        yield made


async def test_a_record_becomes_one_case_however_often_it_is_looked_at(
    stage: FormStage, gateway: FakeGateway
) -> None:
    record = stage.submit()
    first, again = await stage.look(record), await stage.look(record)
    assert first.case_id == again.case_id
    (request,) = gateway.started.values()
    assert (request.applicant, str(request.target_period), request.modules) == (
        "clerk",
        "2025-05",
        ("inventory",),
    )
    assert request.reason_code == "stocktake_omission"
    assert [item.document for item in request.scope] == ["WIN004512"]
    assert request.external_ref == f"jiandaoyun:{stage.form.app_id}/{stage.form.entry_id}/{record}"


async def test_the_form_shows_number_state_and_whom_its_case_waits_for(stage: FormStage) -> None:
    record = stage.submit()
    case = (await stage.look(record)).case_id
    assert case is not None
    await stage.moves_to(case, CaseState.APPROVING, "warehouse")
    await stage.parts.showing.show_news()
    assert stage.shows(record) == {
        STATE: "审批中",
        NUMBER: case,
        WAITING_FOR: "仓储部",
        REPORT: "",
        MESSAGE: "",
    }


async def test_the_newest_state_is_shown_and_each_once(stage: FormStage) -> None:
    record = stage.submit()
    case = (await stage.look(record)).case_id
    assert case is not None
    for state in (CaseState.CHECKING, CaseState.APPROVING, CaseState.COMPLETED):
        await stage.moves_to(case, state)
    await stage.parts.showing.show_news()
    assert await stage.parts.showing.show_news() == 0
    assert [values[STATE] for _, values in stage.company.written] == ["已完成"]
    assert stage.shows(record)[REPORT] == f"http://unclose/api/v1/requests/{case}/report.pdf?lang=zh"


async def test_what_is_wrong_with_a_record_is_written_back_with_every_remedy(stage: FormStage) -> None:
    record = stage.submit("nobody", _widget_1004=["往来"], _widget_1006=13, _widget_1007="领导要求")
    assert (await stage.look(record)).case_id is None
    await stage.parts.showing.show_news()
    shown = stage.shows(record)
    assert shown[STATE] == "未受理"
    for said in ("【提交人】“nobody”", "应收或应付", "第 1 至 12 期", "请写明其一：录入错误"):
        assert said in shown[MESSAGE]


async def test_a_record_put_right_becomes_a_case(stage: FormStage) -> None:
    record = stage.submit(_widget_1004=["往来"])
    await stage.look(record)
    await stage.parts.showing.show_news()
    stage.edit(record, _widget_1004=["存货核算"])
    case = (await stage.look(record)).case_id
    await stage.parts.showing.show_news()
    assert (stage.shows(record)[NUMBER], stage.shows(record)[MESSAGE]) == (case, "")


async def test_what_the_rules_refuse_is_written_back_in_their_words(stage: FormStage) -> None:
    record = stage.submit(_widget_1005=2031)
    await stage.look(record)
    await stage.parts.showing.show_news()
    assert stage.shows(record)[MESSAGE].startswith("【")
    assert "账套尚未到 2031-05" in stage.shows(record)[MESSAGE]
    assert "写明年份" in stage.shows(record)[MESSAGE]


async def test_an_edit_while_the_case_is_agreed_on_is_noted_and_not_taken(
    stage: FormStage, gateway: FakeGateway
) -> None:
    record, _case = await _approving(stage)
    stage.edit(record, _widget_1006=4)
    await stage.look(record)
    await stage.parts.showing.show_news()
    assert "本次修改未被采纳" in stage.shows(record)[MESSAGE]
    assert gateway.heard == []
    stage.edit(record, _widget_1006=5)
    await stage.look(record)
    await stage.parts.showing.show_news()
    assert stage.shows(record)[MESSAGE] == ""


async def test_an_edit_of_a_returned_case_resubmits_it(stage: FormStage, gateway: FakeGateway) -> None:
    record, case = await _approving(stage)
    await stage.moves_to(case, CaseState.RETURNED, "clerk")
    stage.edit(record, _widget_1006=4)
    await stage.look(record)
    await stage.look(record)
    (said,) = gateway.heard
    assert isinstance(said, Resubmission)
    assert said.actor.person == "clerk"
    assert said.request is not None
    assert str(said.request.target_period) == "2025-04"


async def test_an_edit_made_before_the_return_does_not_answer_it(
    stage: FormStage, gateway: FakeGateway
) -> None:
    record, case = await _approving(stage)
    stage.edit(record, _widget_1006=4)
    await stage.look(record)
    await stage.moves_to(case, CaseState.RETURNED, "clerk")
    await stage.parts.showing.show_news()
    await stage.look(record)
    assert gateway.heard == []


async def test_a_removed_record_withdraws_its_case_once(stage: FormStage, gateway: FakeGateway) -> None:
    record, _ = await _approving(stage)
    stage.company.remove(stage.fake_form, record, "zhangmin")
    await stage.look(record)
    await stage.look(record)
    (said,) = gateway.heard
    assert isinstance(said, Withdrawal)


async def test_a_case_that_can_no_longer_be_withdrawn_says_so_when_the_record_is_back(
    stage: FormStage, gateway: FakeGateway
) -> None:
    record, case = await _approving(stage)
    await stage.moves_to(case, CaseState.UNCLOSING)
    gateway.refuses_with = WrongState(case, "unclosing", ("approving",))
    stage.company.remove(stage.fake_form, record, "zhangmin")
    assert "将继续进行" in (await stage.look(record)).message


async def test_a_recovered_record_asks_anew_if_its_case_was_withdrawn(
    stage: FormStage, gateway: FakeGateway
) -> None:
    record, case = await _approving(stage)
    stage.company.remove(stage.fake_form, record, "zhangmin")
    await stage.look(record)
    await stage.moves_to(case, CaseState.WITHDRAWN)
    stage.company.recover(stage.fake_form, record)
    again = await stage.look(record)
    assert again.case_id not in (None, case)
    assert len(gateway.started) == 2


async def test_a_finished_case_is_not_asked_for_again_by_an_edit(
    stage: FormStage, gateway: FakeGateway
) -> None:
    record, case = await _approving(stage)
    await stage.moves_to(case, CaseState.COMPLETED)
    stage.edit(record, _widget_1006=4)
    assert "请新建一条记录" in (await stage.look(record)).message
    assert len(gateway.started) == 1


async def test_a_record_whose_checks_have_failed_is_asked_for_again_once_changed(
    stage: FormStage, gateway: FakeGateway
) -> None:
    record, case = await _approving(stage)
    await stage.moves_to(case, CaseState.CHECKS_FAILED)
    await stage.look(record)
    assert len(gateway.started) == 1
    stage.edit(record, _widget_1006=4)
    assert (await stage.look(record)).case_id != case


async def test_an_older_reading_changes_nothing(stage: FormStage, gateway: FakeGateway) -> None:
    record = stage.submit()
    before = dict(stage.fake_form.records[record])
    stage.edit(record, _widget_1006=4)
    known = await stage.look(record)
    await stage.parts.intake.take(stage.form, known.id, before)
    assert await stage.known(record) == await stage.look(record)
    assert [str(request.target_period) for request in gateway.started.values()] == ["2025-04"]


async def test_files_are_fetched_before_their_addresses_die_and_kept_once(stage: FormStage) -> None:
    file = stage.company.attach("盘点差异表.xlsx", b"differences", "http://fake-jiandaoyun")
    record = stage.submit(_widget_1014=[file])
    case = (await stage.look(record)).case_id
    stage.edit(record, _widget_1014=[file])
    await stage.look(record)
    assert stage.files.kept == [(case, "盘点差异表.xlsx", b"differences")]


async def test_nothing_is_taken_while_cases_cannot_be_started(stage: FormStage, gateway: FakeGateway) -> None:
    record = stage.submit()
    gateway.is_down = True
    with pytest.raises(WorkflowUnavailable):
        await stage.look(record)
    gateway.is_down = False
    assert (await stage.look(record)).case_id is not None
    assert len(gateway.started) == 1


async def test_a_record_from_before_the_beginning_is_left_alone(
    stage: FormStage, gateway: FakeGateway
) -> None:
    record = stage.submit()
    stage.fake_form.records[record]["createTime"] = "2024-12-31T15:59:59.000Z"
    assert (await stage.look(record)).case_id is None
    await stage.parts.poller.poll()
    assert gateway.started == {}


async def test_a_poll_finds_what_no_push_told_of(stage: FormStage, gateway: FakeGateway) -> None:
    imported = [stage.submit() for _ in range(3)]
    removed, _ = await _approving(stage)
    stage.company.remove(stage.fake_form, removed, "zhangmin", is_pushed=False)
    polled = await stage.parts.poller.poll()
    assert {(await stage.known(record)).case_id for record in imported} < set(gateway.started)
    assert [type(said) for said in gateway.heard] == [Withdrawal]
    assert (polled.records, polled.failed) == (4, 0)


async def test_a_form_that_has_not_changed_is_not_read_through_again(stage: FormStage) -> None:
    stage.submit()
    await stage.parts.poller.poll()
    stage.api.calls.clear()
    await stage.parts.poller.poll()
    assert stage.api.calls == ["widget/list", "data/get"]


async def test_a_form_without_a_field_of_the_map_is_named(stage: FormStage) -> None:
    stage.fake_form.widgets = {
        name: kind for name, kind in stage.fake_form.widgets.items() if name != MESSAGE
    }
    assert (await stage.parts.poller.poll()).missing == (f"stock.{MESSAGE}",)


async def test_a_form_that_cannot_be_written_is_written_later(stage: FormStage) -> None:
    record, _case = await _approving(stage)
    stage.api.faults.append(FakeRefusal(8302, "no permission"))
    await stage.parts.showing.show_news()
    assert stage.shows(record)[NUMBER] is None
    assert (await stage.known(record)).shown == {}


async def _approving(stage: FormStage) -> tuple[str, str]:
    record = stage.submit()
    case = (await stage.look(record)).case_id
    assert case is not None
    await stage.moves_to(case, CaseState.APPROVING, "warehouse")
    return record, case
