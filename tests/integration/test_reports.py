"""Reports as they are set, kept and given out: once, whole, and the same bytes ever after."""

import asyncio
import hashlib
import io
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pypdfium2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from fastapi import FastAPI
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from activities.recording import CaseFile
from activities.report import press as pressing
from activities.report.press import NotSet, press
from activities.report.signing import FIELD, PadesSigner
from service.app import create_app
from service.database import Database, open_database
from service.ledger_book import LedgerBook
from service.register import SqlRegister
from service.reports.case_report import case_record, case_report
from service.settings import Settings
from service.texts import Language
from tests.fake_world import FakeLedger
from tests.fakes import FakeGateway
from tests.report_cases import (
    CASE,
    LONG_NAME,
    RARE,
    UNBROKEN,
    completed,
    ended_early,
    running,
)
from workflows.domain.case import CaseChange
from workflows.domain.request import CaseState

LEDGERS = """
[ledgers.demo]
name = "演示账套"
connector = "demo"
options = { path = "demo.sqlite" }
modules = ["inventory", "cost", "gl"]
closes_before = [["inventory", "cost"], ["cost", "gl"]]
"""
PATH = f"/api/v1/requests/{CASE}/report.pdf"


def pages(pdf: bytes) -> list[str]:
    """The text of every page, without the places where a word may be broken."""
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_bounded().replace("\u200b", "") for page in document]


async def set_(file: CaseFile, language: Language = Language.ZH) -> bytes:
    return await press(case_report(file, language), file.events[-1].at, case_record(file))


# --------------------------------------------------------------------------- on the page


async def test_the_longest_case_is_set_without_a_warning_and_nothing_is_lost() -> None:
    file = completed(48, 500, LONG_NAME, f"{LONG_NAME} {UNBROKEN} {RARE}")
    pdf = await set_(file)
    text = "".join(pages(pdf)).replace("\r", "").replace("\n", "")
    assert UNBROKEN in text
    assert "[U+20BB7][U+1F600][U+202E]" in text
    assert "IN-2025-03-0499" in text
    assert LONG_NAME in text


async def test_nothing_stands_outside_the_margins() -> None:
    pdf = await set_(completed(12, 5, LONG_NAME, f"{UNBROKEN} {RARE}"), Language.EN)
    for page in pypdfium2.PdfDocument(pdf):
        width, height = page.get_size()
        textpage = page.get_textpage()
        for n in range(textpage.count_rects()):
            left, bottom, right, top = textpage.get_rect(n)
            assert left >= 40
            assert right <= width - 40
            assert bottom >= 20
            assert top <= height - 20


async def test_the_same_case_gives_the_same_bytes() -> None:
    first, second = await asyncio.gather(set_(completed()), set_(completed()))
    assert first == second


async def test_no_date_in_it_is_the_clocks() -> None:
    """Next year's clock gives the same bytes: every date is the case's own, the document's among them."""
    pdf = await set_(completed())
    dates = re.findall(rb"D:(\d{8})|<xmp:\w+Date>([\d-]{10})", pdf)
    assert {plain or told.replace(b"-", b"") for plain, told in dates} == {b"20250613"}
    assert str(datetime.now(UTC).date()).encode() not in pdf


async def test_it_is_pdf_a_with_its_fonts_its_bookmarks_and_the_record_inside() -> None:
    file = completed()
    pdf = await set_(file, Language.EN)
    document = pypdfium2.PdfDocument(pdf)
    assert b"<pdfaid:part>3</pdfaid:part>" in pdf
    titles = [mark.get_title() for mark in document.get_toc() if mark.level == 0]
    assert titles[2].split() == ["3", "Findings"]
    assert len(titles) == 13
    (attached,) = (document.get_attachment(n) for n in range(document.count_attachments()))
    assert bytes(attached.get_data()).decode() == case_record(file)
    assert "Page 2 of " in pages(pdf)[1]


async def test_a_draft_says_so_on_every_page() -> None:
    assert all("DRAFT" in page for page in pages(await set_(running(), Language.EN)))


async def test_what_a_reader_wrote_is_never_read_as_markup() -> None:
    sly = '#panic("x") #include "/etc/passwd" *bold* $1+1$ \\u{41} <label> @ref // gone'
    assert sly in " ".join("".join(pages(await set_(completed(text=sly), Language.EN))).split())


async def test_a_warning_of_the_typesetter_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressing, "showable", lambda text, glyphs: text)
    with pytest.raises(NotSet):
        await set_(completed(text="\U0001f600"))


# --------------------------------------------------------------------------- over HTTP


@dataclass
class World:
    http: httpx.AsyncClient
    app: FastAPI
    register: SqlRegister
    database: Database
    store: Path

    async def take(self, file: CaseFile) -> None:
        """Put a case on record as its workflow would have done."""
        moves = [event.data["to"] for event in file.events if "to" in event.data and "from" in event.data]
        await self.register.receive(file.request)
        state = CaseState(str(moves[-1]))
        await self.register.record(CaseChange(CASE, state, file.events, parts=file.parts))


@pytest.fixture
async def world(tmp_path: Path, empty_register: Path) -> AsyncIterator[World]:
    settings = Settings(dev=True, data_dir=tmp_path)
    shutil.copy(empty_register, tmp_path / "register.sqlite")
    ledgers = tmp_path / "ledgers.toml"
    ledgers.write_text(LEDGERS, encoding="utf-8")
    app = create_app(settings, FakeGateway(), LedgerBook.load(ledgers, connect=lambda _: FakeLedger()))
    database = open_database(settings.database_url)
    way = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=way, base_url="http://t") as http,
    ):
        http.headers["Authorization"] = "Bearer demo-auditor"
        yield World(http, app, SqlRegister(database), database, tmp_path / "store" / "reports")
    await database.aclose()


async def test_a_report_is_made_once_and_is_the_same_ever_after(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.take(completed())
    first = await world.http.get(PATH, params={"lang": "zh"})
    assert (first.status_code, first.headers["content-type"]) == (200, "application/pdf")
    assert first.headers["content-disposition"] == f'attachment; filename="{CASE}-zh.pdf"'
    assert first.headers["etag"] == f'"{hashlib.sha256(first.content).hexdigest()}"'
    assert "演示账套" in pages(first.content)[0]

    # Next year's release sets another page; the report that was made stays what it was.
    monkeypatch.setattr("service.reports.sealed.press", _must_not_be_asked)
    again = await world.http.get(PATH, params={"lang": "zh"})
    assert again.content == first.content
    seen = await world.http.get(PATH, params={"lang": "zh"}, headers={"If-None-Match": first.headers["etag"]})
    assert (seen.status_code, seen.content) == (304, b"")


async def _must_not_be_asked(*_: object) -> bytes:
    raise AssertionError("a report is set once")


async def test_many_who_read_at_once_get_the_same_report_in_their_own_language(world: World) -> None:
    await world.take(completed())
    answers = await asyncio.gather(
        *(world.http.get(PATH, headers={"Accept-Language": tag}) for tag in ("zh", "en", "zh", "en"))
    )
    assert [answer.headers["content-language"] for answer in answers] == ["zh", "en", "zh", "en"]
    assert answers[0].content == answers[2].content
    assert answers[1].content == answers[3].content
    assert len(list(world.store.rglob("*.pdf"))) == 2


async def test_a_case_that_has_not_ended_is_told_where_it_stands(world: World) -> None:
    await world.take(running())
    refused = await world.http.get(PATH)
    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/wrong-state"
    assert "approving" in refused.json()["detail"]
    drawn = await world.http.get(PATH, params={"draft": "true", "lang": "en"})
    assert drawn.status_code == 200
    assert drawn.headers["content-disposition"] == f'attachment; filename="{CASE}-en-draft.pdf"'
    assert "DRAFT" in pages(drawn.content)[0]
    assert not list(world.store.rglob("*.pdf"))


async def test_a_case_that_is_not_there_has_no_report(world: World) -> None:
    assert (await world.http.get(PATH)).json()["type"] == "/problems/unknown-request"


async def test_a_report_that_somebody_has_changed_is_not_given_out(world: World) -> None:
    await world.take(ended_early(CaseState.REJECTED))
    assert (await world.http.get(PATH)).status_code == 200
    (stored,) = world.store.rglob("*.pdf")
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    damaged = await world.http.get(PATH)
    assert (damaged.status_code, damaged.json()["type"]) == (409, "/problems/report-damaged")
    stored.unlink()
    assert (await world.http.get(PATH)).json()["type"] == "/problems/report-damaged"


async def test_a_report_that_cannot_be_set_leaves_nothing_and_can_be_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> bytes:
        raise NotSet("no room")

    file = ended_early(CaseState.EXPIRED)
    await world.take(
        replace(file, request=replace(file.request, accepted_at=file.request.accepted_at - timedelta(1)))
    )
    with monkeypatch.context() as patched:
        patched.setattr("service.reports.sealed.press", fail)
        refused = await world.http.get(PATH)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/report-not-made")
    assert not list(world.store.rglob("*.pdf"))
    assert (await world.http.get(PATH)).status_code == 200


async def test_a_record_that_nobody_has_thought_of_is_a_problem_that_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise KeyError("levels")

    await world.take(ended_early(CaseState.EXPIRED))
    monkeypatch.setattr("service.reports.sealed.case_report", stumble)
    refused = await world.http.get(PATH)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/report-not-made")
    assert "KeyError" in refused.json()["detail"]
    given = await world.http.get(f"/api/v1/requests/{CASE}/evidence.zip")
    assert given.status_code == 200
    assert "without-report" in given.headers["content-disposition"]


async def test_at_night_what_nobody_has_read_is_made_and_only_once(world: World) -> None:
    await world.take(ended_early(CaseState.EXPIRED))
    reports = world.app.state.parts.reports
    assert (await reports.make_missing(10)).cases == 1
    stored = {path: path.read_bytes() for path in world.store.rglob("*.pdf")}
    assert len(stored) == 2
    assert (await reports.make_missing(10)).cases == 0
    answer = await world.http.get(PATH, params={"lang": "en"})
    assert answer.content in stored.values()


async def test_a_report_that_cannot_be_made_at_night_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> bytes:
        raise NotSet("no room")

    await world.take(ended_early(CaseState.EXPIRED))
    monkeypatch.setattr("service.reports.sealed.press", fail)
    made = await world.app.state.parts.reports.make_missing(10)
    assert (made.cases, len(made.failed)) == (0, 1)
    assert CASE in made.failed[0]


# --------------------------------------------------------------------------- signed


def a_key(folder: Path) -> Path:
    """A key and a certificate for it, as PKCS #12 under the passphrase `pw`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Archive of the house")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=2))
    certificate = made.sign(key, hashes.SHA256())
    file = folder / "key.p12"
    sealed = serialization.BestAvailableEncryption(b"pw")
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"k", key, certificate, None, sealed))
    return file


async def test_a_key_of_the_house_signs_the_whole_report(tmp_path: Path) -> None:
    pdf = await set_(ended_early(CaseState.WITHDRAWN))
    signed = await PadesSigner(a_key(tmp_path), b"pw").sign(pdf)
    assert signed.startswith(pdf)
    assert await is_intact(signed)
    assert not await is_intact(signed.replace(b"%PDF-1.7", b"%PDF-1.6", 1))


async def is_intact(pdf: bytes) -> bool:
    """Whether one signature covers the whole file, and the file is what was signed."""
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    assert signature.field_name == FIELD
    trust = ValidationContext(trust_roots=[signature.signer_cert])
    status = await async_validate_pdf_signature(signature, signer_validation_context=trust)
    return bool(status.intact and status.valid and status.coverage == SignatureCoverageLevel.ENTIRE_FILE)


async def test_a_key_that_cannot_be_read_signs_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotSet, match="signing key cannot be read"):
        await PadesSigner(a_key(tmp_path), b"wrong").sign(b"%PDF-1.7")
