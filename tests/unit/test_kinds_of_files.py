"""What kinds of files are taken, by their content; under what names; from whom."""

import io
import zipfile

import pytest

from tests.builders import a_request
from workflows.domain.approval import Group
from workflows.domain.attachments import (
    DOCX,
    JPEG,
    LONGEST_NAME,
    OFD,
    OLD_OFFICE,
    PDF,
    PNG,
    TEXT,
    TIFF,
    WEBP,
    XLSX,
    Kind,
    kind_of,
    require_party,
    safe_name,
)
from workflows.domain.case import Actor
from workflows.domain.errors import NotAParty


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n", PDF),
        (b"\x89PNG\r\n\x1a\n....", PNG),
        (b"\xff\xd8\xff\xe0....", JPEG),
        (b"II*\x00....", TIFF),
        (b"RIFF....WEBPVP8 ", WEBP),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", OLD_OFFICE),
        (archive("[Content_Types].xml", "xl/workbook.xml"), XLSX),
        (archive("word/document.xml"), DOCX),
        (archive("OFD.xml", "Doc_0/Document.xml"), OFD),
        ("仓库,货位,数量\nB,01,20\n".encode(), TEXT),
        ("仓库,货位,数量\n".encode("gb18030"), TEXT),
        (b"a < b and c > d", TEXT),
    ],
)
def test_a_file_is_what_its_content_says(data: bytes, kind: Kind) -> None:
    assert kind_of(data) is kind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><body>hi</body></html>",
        b"  \n<!DOCTYPE html>",
        b'text before <script src="x"></script>',
        b'<?xml version="1.0"?><svg xmlns="x"/>',
        "<svg onload=alert(1)>".encode("gb18030"),
        b"MZ\x90\x00",
        b"\x7fELF",
        b"\x1f\x8b\x08\x00",
        archive("run.exe"),
        archive("xl/workbook.xml", "xl/vbaProject.bin"),
        b"PK\x03\x04 cut short",
        b"\x00\x01\x02",
    ],
)
def test_pages_programs_archives_and_macros_are_of_no_kind(data: bytes) -> None:
    assert kind_of(data) is None


@pytest.mark.parametrize(
    ("name", "kind", "safe"),
    [
        ("盘点表.pdf", PDF, "盘点表.pdf"),
        ("../../etc/passwd", TEXT, "passwd.txt"),
        ("C:\\temp\\a.PDF", PDF, "a.pdf"),
        ("page.html", PDF, "page.html.pdf"),
        ("a\r\nSet-Cookie: x.pdf", PDF, "aSet-Cookie_ x.pdf"),
        ("\u202efdp.exe", PDF, "fdp.exe.pdf"),
        ("...", PNG, "attachment.png"),
        ("x" * 300 + ".pdf", PDF, "x" * (LONGEST_NAME - 4) + ".pdf"),
    ],
)
def test_a_name_can_do_no_harm(name: str, kind: Kind, safe: str) -> None:
    assert safe_name(name, kind) == safe


REQUEST = a_request(applicant="clerk", correctors=("corrector",))


@pytest.mark.parametrize(
    "actor",
    [
        Actor("clerk"),
        Actor("corrector"),
        Actor("finance"),
        Actor("anyone", (Group.OPERATOR,)),
        Actor("service", on_behalf_of="clerk"),
    ],
)
def test_those_whom_a_case_concerns_may_add_files(actor: Actor) -> None:
    require_party(actor, REQUEST, {"finance"})


def test_nobody_else_may() -> None:
    with pytest.raises(NotAParty):
        require_party(Actor("auditor", (Group.AUDITOR, Group.ADMIN)), REQUEST, {"finance"})
