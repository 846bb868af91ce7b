"""Files of form records reach their case, or the form says which did not and why; the record goes on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.inbox.ports import TryLater
from service.jiandaoyun.attachments import LARGEST, FilesAwaited
from service.jiandaoyun.file_marks import MOST_TRIES
from tests.fakes import FakeGateway
from tests.form_stage import BASE, MESSAGE, FormStage, a_form_stage
from tests.integration.test_form_pushes import _handed
from workflows.domain.case import Withdrawal
from workflows.domain.request import CaseState

SILENT = {"name": "静默.pdf", "size": 3, "url": "http://silent.example/files/x"}


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def stage(tmp_path: Path, empty_register: Path, gateway: FakeGateway) -> AsyncIterator[FormStage]:
    async with a_form_stage(tmp_path, empty_register, gateway) as made:
        gateway.first_step = made.register.receive
        yield made


async def _says(stage: FormStage, record: str) -> str:
    await stage.parts.showing.show_news()
    return str(stage.shows(record)[MESSAGE])


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ([{"name": "某.txt", "size": 1, "url": "file:///etc/passwd"}], "其地址不允许访问"),
        ([{"name": "某.txt", "size": 1, "url": "http://127.0.0.1:22/x"}], "其地址不允许访问"),
        ([{"name": "某.txt", "size": 1, "url": f"{BASE}/files/none"}], "文件已不存在"),
        ([{"name": "某.txt"}], "不是可下载的附件"),
        ([{}], "不是可下载的附件"),
        ("某.txt", "不是可下载的附件"),
    ],
)
async def test_what_can_never_be_taken_is_told_at_once(stage: FormStage, written: Any, why: str) -> None:
    good = stage.company.attach("差异表.txt", b"differences", BASE)
    record = stage.submit(_widget_1014=[good, *written] if isinstance(written, list) else written)
    outcome = await _handed(stage, "data_create", _id=record)
    said = f"【附件】“{'?' if written == [{}] else '某.txt'}”此附件未收录：{why}"
    assert outcome.case is not None
    assert said in outcome.note
    assert said in await _says(stage, record)
    assert [name for _, name, _ in stage.files.kept] == ["差异表.txt"] * isinstance(written, list)


async def test_a_file_that_is_too_large_is_told(stage: FormStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.jiandaoyun.attachments.LARGEST", 10)
    assert LARGEST == 20 * 1024 * 1024
    large = stage.company.attach("大.pdf", b"differences", BASE)
    record = stage.submit(_widget_1014=[large])
    await stage.look(record)
    assert "“大.pdf”此附件未收录：文件超过 20 MiB" in await _says(stage, record)


async def test_an_address_that_never_answers_is_left_after_some_tries_and_the_rest_goes_on(
    stage: FormStage, gateway: FakeGateway
) -> None:
    good = stage.company.attach("差异表.txt", b"differences", BASE)
    stage.api.silent_hosts.add("silent.example")
    record = stage.submit(_widget_1014=[SILENT, good])
    for _ in range(MOST_TRIES - 1):
        with pytest.raises(TryLater):
            await _handed(stage, "data_create", _id=record)
    assert [name for _, name, _ in stage.files.kept] == ["差异表.txt"]
    await _handed(stage, "data_create", _id=record)
    assert "“静默.pdf”此附件未收录：多次尝试仍无法下载" in await _says(stage, record)
    stage.company.remove(stage.fake_form, record, "zhangmin")
    await _handed(stage, "data_remove", _id=record)
    assert [type(said) for said in gateway.heard] == [Withdrawal]


async def test_a_poll_goes_on_beside_a_file_that_does_not_answer(stage: FormStage) -> None:
    stage.api.silent_hosts.add("silent.example")
    first, second = stage.submit(_widget_1014=[SILENT]), stage.submit()
    polled = await stage.parts.poller.poll()
    assert (polled.records, polled.failed) == (2, 1)
    assert None not in {(await stage.known(record)).case_id for record in (first, second)}


async def test_a_file_that_answers_at_last_is_kept_and_nothing_is_said(stage: FormStage) -> None:
    stage.api.silent_hosts.add("silent.example")
    late = stage.company.attach("迟到.txt", b"late", "http://silent.example")
    record = stage.submit(_widget_1014=[late])
    with pytest.raises(FilesAwaited):
        await stage.look(record)
    stage.api.silent_hosts.clear()
    await stage.look(record)
    assert [name for _, name, _ in stage.files.kept] == ["迟到.txt"]
    assert await _says(stage, record) == ""


async def test_a_case_asked_for_anew_has_the_files_too(stage: FormStage) -> None:
    file = stage.company.attach("差异表.txt", b"differences", BASE)
    record = stage.submit(_widget_1014=[file])
    first = (await stage.look(record)).case_id
    assert first is not None
    await stage.moves_to(first, CaseState.CHECKS_FAILED)
    stage.edit(record, _widget_1006=4)
    second = (await stage.look(record)).case_id
    assert [case for case, _, _ in stage.files.kept] == [first, second]
