"""A form says why its case failed its checks, was returned or rejected, and contradicts itself nowhere."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeGateway
from tests.form_stage import MESSAGE, FormStage, a_form_stage
from workflows.domain.case import CaseChange, CaseEvent, EventKind
from workflows.domain.digest import Json
from workflows.domain.request import CaseState

FINDING = {"code": "audit_in_flight", "count": 1, "module": None, "period": None}
ROWS = [{"what": "WIN004512", "facts": []}]


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def stage(tmp_path: Path, empty_register: Path, gateway: FakeGateway) -> AsyncIterator[FormStage]:
    async with a_form_stage(tmp_path, empty_register, gateway) as made:
        gateway.first_step = made.register.receive
        yield made


async def _begun(stage: FormStage) -> tuple[str, str]:
    record = stage.submit()
    case = (await stage.look(record)).case_id
    assert case is not None
    await stage.moves_to(case, CaseState.APPROVING, "warehouse")
    return record, case


async def _decided(stage: FormStage, case: str, answer: str, state: CaseState, comment: str) -> None:
    stage.seq[case] += 1
    data: dict[str, Any] = {
        "task": "t-1",
        "kind": "approval",
        "level": 1,
        "name": "warehouse",
        "group": "warehouse",
        "answer": answer,
        "digest": "d" * 64,
        "comment": comment,
    }
    event = CaseEvent(stage.seq[case], datetime.now(UTC), "warehouse", None, EventKind.DECIDED, data)
    await stage.register.record(CaseChange(case, CaseState.APPROVING, (event,)))
    await stage.moves_to(case, state)


async def _says(stage: FormStage, record: str) -> str:
    await stage.parts.showing.show_news()
    return str(stage.shows(record)[MESSAGE])


async def test_failed_checks_are_told_with_their_remedies(stage: FormStage) -> None:
    record, case = await _begun(stage)
    stage.seq[case] += 1
    told: dict[str, Json] = {"to": CaseState.CHECKS_FAILED}
    event = CaseEvent(stage.seq[case], datetime.now(UTC), "unclose", None, EventKind.STATE_CHANGED, told)
    parts: dict[str, Json] = {"findings": [{**FINDING, "rows": ROWS}]}
    await stage.register.record(CaseChange(case, CaseState.CHECKS_FAILED, (event,), parts=parts))
    assert (
        await _says(stage, record)
        == "【存在多级审核未完成的单据】WIN004512：请完成所列单据的审核，或撤回审核。"
    )


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        ("return", CaseState.RETURNED, "warehouse 已退回：单号有误\n请更正后保存。"),
        ("reject", CaseState.REJECTED, "warehouse 已驳回：单号有误\n如需再次申请，请新建一条记录。"),
    ],
)
async def test_whoever_returns_or_rejects_is_quoted(
    stage: FormStage, answer: str, state: CaseState, said: str
) -> None:
    record, case = await _begun(stage)
    await _decided(stage, case, answer, state, "单号有误")
    assert await _says(stage, record) == said


async def test_a_note_about_an_edit_is_gone_once_the_case_is_returned(stage: FormStage) -> None:
    record, case = await _begun(stage)
    stage.edit(record, _widget_1006=4)
    await stage.look(record)
    assert "本次修改未被采纳" in await _says(stage, record)
    await _decided(stage, case, "return", CaseState.RETURNED, "期间有误")
    assert await _says(stage, record) == "warehouse 已退回：期间有误\n请更正后保存。"


async def test_a_bad_edit_of_a_returned_case_asks_for_one_thing(stage: FormStage) -> None:
    record, case = await _begun(stage)
    await _decided(stage, case, "return", CaseState.RETURNED, "期间有误")
    stage.edit(record, _widget_1004=["往来"])
    await stage.look(record)
    first, second = (await _says(stage, record)).splitlines()
    assert first == f"案件 {case} 已退回，仍待更正：请按以下提示更正后保存。"
    assert second.startswith("【模块】")
