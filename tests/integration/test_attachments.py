"""Files of a case over HTTP: who may add which, how they are handed out, and what the auditor sees of it."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from temporalio.testing import WorkflowEnvironment

from service.case_attachments import CaseAttachments
from service.evidence_packages import SealedReports
from service.refusals import FileRefused
from tests.integration.test_routes import CASE, ZH, World, a_world, problem
from tests.scene import Scene, actor, eventually, on_stage
from tests.trail_world import SHEET
from workflows.domain.attachments import Attaching
from workflows.domain.case import CaseChange, CaseEvent, EventKind
from workflows.domain.request import CaseState, UncloseRequest
from workflows.unclose import UncloseWorkflow

HERE = f"/api/v1/requests/{CASE}/attachments"
BINARY = {"Content-Type": "application/octet-stream"}


@pytest.fixture
async def world(tmp_path: Path, empty_register: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, empty_register) as made:
        await made.approving()
        yield made


async def send(
    world: World, data: bytes = SHEET, person: str = "clerk", name: str = "盘点表.pdf", key: str | None = None
) -> httpx.Response:
    return await world.as_(
        person,
        "POST",
        HERE,
        params={"name": name},
        content=data,
        headers={**BINARY, **({"Idempotency-Key": key} if key else {})},
    )


def _headers(key: str | None) -> dict[str, str]:
    return {**BINARY, "Idempotency-Key": key} if key else BINARY


async def on_record(world: World) -> str:
    """What the case does when it is told: the event rides on its next change."""
    said = world.gateway.heard[-1]
    assert isinstance(said, Attaching)
    names = ("id", "name", "media_type", "bytes", "sha256", "note")
    data = {name: getattr(said, name) for name in names}
    seq = len(world.gateway.heard) + 2
    event = CaseEvent(
        seq, datetime.now(UTC), said.actor.person, said.actor.on_behalf_of, EventKind.ATTACHED, data
    )
    await world.register.record(CaseChange(CASE, CaseState.APPROVING, (event,), waiting_for=("warehouse",)))
    return said.id


async def test_a_file_is_stored_told_to_the_case_listed_and_handed_out(world: World) -> None:
    taken = await send(world, key="a1")
    assert (taken.status_code, taken.json()["media_type"]) == (202, "application/pdf")
    key = await on_record(world)
    (listed,) = (await world.http.get(HERE)).json()["items"]
    assert (listed["name"], listed["sha256"]) == ("盘点表.pdf", hashlib.sha256(SHEET).hexdigest())
    assert (listed["seq"], listed["person"], listed["id"]) == (3, "clerk", key)
    file = await world.as_("finance", "GET", f"{HERE}/{key}")
    assert file.content == SHEET


async def test_a_file_is_only_ever_saved_and_never_shown(world: World) -> None:
    await send(world)
    file = await world.http.get(f"{HERE}/{await on_record(world)}")
    assert file.headers["content-disposition"].startswith("attachment; ")
    assert "UTF-8''%E7%9B%98" in file.headers["content-disposition"]
    assert file.headers["x-content-type-options"] == "nosniff"
    assert file.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in file.headers["content-security-policy"]


async def test_the_same_key_adds_a_file_once_and_not_another_one(world: World) -> None:
    first = await send(world, key="a1")
    again = await send(world, key="a1")
    assert first.json() == again.json()
    assert len(world.gateway.heard) == 1
    problem(await send(world, SHEET + b"!", key="a1"), 409, "key-reused")
    problem(await send(world, name="other.pdf", key="a1"), 409, "key-reused")


@pytest.mark.parametrize("data", [b"<html><script>alert(1)</script></html>", b"MZ\x90\x00\x03", b""])
async def test_what_is_of_no_kind_that_is_taken_is_refused_whatever_it_is_called(
    world: World, data: bytes
) -> None:
    refused = await send(world, data, name="盘点表.pdf")
    assert ".ofd" in problem(refused, 415, "file-refused")["detail"]
    assert world.gateway.heard == []


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"#!/bin/sh\nrm -rf /\n", "notes.txt"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "notes.txt"),
        (b"@echo off\r\n", "a.bat"),
        (b"alert(1)", "A.JS "),
        (b"alert(1)", "notes.txt.js."),
        (SHEET, "sheet.pdf.exe"),
    ],
)
async def test_scripts_are_refused_by_how_they_begin_or_are_called(
    world: World, data: bytes, name: str
) -> None:
    problem(await send(world, data, name=name), 415, "file-refused")
    assert world.gateway.heard == []


async def test_source_text_under_another_name_is_kept_as_text(world: World) -> None:
    taken = (await send(world, b"print(1)  # not run by anything", name="listing.src")).json()
    assert (taken["name"], taken["media_type"]) == ("listing.src.txt", "text/plain")


async def test_a_file_may_be_larger_than_a_request_and_no_larger_than_the_limit(world: World) -> None:
    parts: CaseAttachments = world.app.state.parts.attachments
    assert (await send(world, SHEET + bytes(1_200_000))).status_code == 202
    refused = await send(world, SHEET + bytes(parts.limit))
    problem(refused, 413, "body-too-large")


@pytest.mark.parametrize(
    ("person", "status"), [("clerk", 202), ("warehouse", 202), ("operator", 202), ("auditor", 403)]
)
async def test_those_whom_the_case_concerns_may_add(world: World, person: str, status: int) -> None:
    assert (await send(world, person=person)).status_code == status


async def test_nothing_is_added_to_a_case_that_has_ended(world: World) -> None:
    await world.ended()
    refused = await world.as_("clerk", "POST", HERE, params={"name": "a"}, content=SHEET, headers=ZH)
    assert "已完成" in problem(refused, 409, "wrong-state")["detail"]


async def test_a_file_that_is_not_there_is_named(world: World) -> None:
    problem(await world.http.get(f"{HERE}/none"), 404, "unknown-attachment")


async def test_what_came_by_another_channel_is_kept_once(world: World) -> None:
    keeper: CaseAttachments = world.app.state.parts.attachments
    for _ in range(2):
        await keeper.keep(CASE, "附件.pdf", "application/pdf", SHEET)
    with pytest.raises(FileRefused):
        await keeper.keep(CASE, "page.html", "text/html", b"<html></html>")
    assert len(world.gateway.heard) == 1


# --------------------------------------------------------------------------- what the auditor sees


async def test_reading_goes_on_record_for_the_auditor_alone(world: World) -> None:
    await send(world)
    key = await on_record(world)
    await world.as_("finance", "GET", f"{HERE}/{key}")
    seen = await world.as_("auditor", "GET", "/api/v1/audit", params={"subject": CASE})
    (told,) = seen.json()["items"]
    assert (told["kind"], told["actor"], told["data"]["attachment"]) == ("attachment_read", "finance", key)
    for person in ("clerk", "finance", "admin"):
        problem(await world.as_(person, "GET", "/api/v1/audit"), 403, "not-an-auditor")


async def test_the_trail_tells_page_by_page_and_who_has_read_it(world: World) -> None:
    for _ in range(3):
        await world.as_("auditor", "GET", "/api/v1/audit")
    first = (await world.as_("auditor", "GET", "/api/v1/audit", params={"limit": 2})).json()
    assert [event["n"] for event in first["items"]] == [3, 2]
    rest = await world.as_("auditor", "GET", "/api/v1/audit", params={"cursor": first["next"]})
    assert [(event["n"], event["kind"]) for event in rest.json()["items"]] == [(1, "trail_read")]


async def test_an_auditor_verifies_a_case_or_everything(world: World) -> None:
    await send(world)
    await on_record(world)
    for body in ({"case": CASE}, {}):
        answer = await world.as_("auditor", "POST", "/api/v1/audit/verify", json=body)
        assert answer.json() == {"checked": 1, "whole": True, "faults": [], "next": None}
    problem(await world.as_("clerk", "POST", "/api/v1/audit/verify", json={}), 403, "not-an-auditor")


async def test_the_package_of_a_case_is_handed_out_once_it_has_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def two_reports(_self: SealedReports, _case: str) -> Mapping[str, bytes]:
        return {"zh": b"%PDF-1.7 zh", "en": b"%PDF-1.7 en"}

    # This case was told in three events: too few for a report.
    monkeypatch.setattr(SealedReports, "stored", two_reports)
    problem(await world.http.get(f"/api/v1/requests/{CASE}/evidence.zip"), 404, "not-here")
    await world.ended()
    first = await world.as_("auditor", "GET", f"/api/v1/requests/{CASE}/evidence.zip")
    assert (first.status_code, first.headers["content-type"]) == (200, "application/zip")
    second = await world.http.get(f"/api/v1/requests/{CASE}/evidence.zip")
    assert second.content == first.content


# --------------------------------------------------------------------------- a case that runs


async def test_a_running_case_takes_a_file_and_tells_of_it(
    temporal: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with on_stage(Scene(temporal, tmp_path)) as scene:
        play = await scene.request()
        await play.reaches(CaseState.APPROVING)
        attaching = Attaching(actor("clerk"), "a" * 64, "a.pdf", "application/pdf", 3, "b" * 64)
        await play.handle.execute_update(UncloseWorkflow.attach, attaching)

        def told() -> list[CaseEvent]:
            events = scene.register.events.get(play.wish.id, [])
            return [event for event in events if event.kind == EventKind.ATTACHED]

        await eventually(lambda: bool(told()), "the file to be on record", play.tale)
        assert (told()[0].actor, told()[0].data["name"]) == ("clerk", "a.pdf")
        await play.stop()


async def test_a_file_for_a_case_that_has_only_just_been_taken_is_asked_for_again(
    tmp_path: Path, empty_register: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.beginnings.PAUSES", ())
    async with a_world(tmp_path, empty_register) as world:
        world.gateway.first_step = _not_yet
        await world.ask()
        answer = await send(world)
        problem(answer, 503, "case-not-begun")
        assert answer.headers["Retry-After"] == "2"


async def _not_yet(request: UncloseRequest) -> None:
    """No worker has taken the case up."""
