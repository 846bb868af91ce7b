"""Files that people add to a case (R80): what kinds are taken, under what names, and from whom."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from workflows.domain.approval import Group
from workflows.domain.case import Actor
from workflows.domain.errors import NotAParty
from workflows.domain.request import UncloseRequest

MOST = 50
"""How many files a case may have."""
LONGEST_NAME = 100
"""Characters of a name, its ending included."""


@dataclass(frozen=True)
class Attachment:
    """A file as it is on record. Its bytes lie in the object store, under its digest."""

    id: str
    seq: int
    name: str
    media_type: str
    bytes: int
    sha256: str
    note: str
    person: str
    on_behalf_of: str | None
    at: datetime


@dataclass(frozen=True)
class Attaching:
    """Somebody adds a file; it has been stored and looked at before the case is told."""

    actor: Actor
    id: str
    name: str
    media_type: str
    bytes: int
    sha256: str
    note: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of file that is taken."""

    media_type: str
    endings: tuple[str, ...]
    """The first is given to a file whose name has none of them."""


PDF = Kind("application/pdf", (".pdf",))
PNG = Kind("image/png", (".png",))
JPEG = Kind("image/jpeg", (".jpg", ".jpeg"))
TIFF = Kind("image/tiff", (".tif", ".tiff"))
WEBP = Kind("image/webp", (".webp",))
_OFFICE = "application/vnd.openxmlformats-officedocument"
XLSX = Kind(f"{_OFFICE}.spreadsheetml.sheet", (".xlsx",))
DOCX = Kind(f"{_OFFICE}.wordprocessingml.document", (".docx",))
PPTX = Kind(f"{_OFFICE}.presentationml.presentation", (".pptx",))
OFD = Kind("application/ofd", (".ofd",))
OLD_OFFICE = Kind("application/x-ole-storage", (".xls", ".doc", ".et", ".wps"))
TEXT = Kind("text/plain", (".txt", ".csv", ".log", ".md"))

KINDS = (PDF, PNG, JPEG, TIFF, WEBP, XLSX, DOCX, PPTX, OFD, OLD_OFFICE, TEXT)
"""All that is taken; neither pages, scripts, archives nor programs are among it."""

_BEGINNINGS = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLD_OFFICE),
)
_INSIDE = (
    ("xl/workbook.xml", XLSX),
    ("word/document.xml", DOCX),
    ("ppt/presentation.xml", PPTX),
    ("OFD.xml", OFD),
)
_SCRIPTS = frozenset(
    {
        *(".bat", ".cmd", ".com", ".exe", ".hta", ".jar", ".lnk", ".msi", ".reg", ".scr"),
        *(".js", ".jse", ".pl", ".ps1", ".psm1", ".py", ".sh", ".vbe", ".vbs", ".wsf"),
    }
)
"""Endings of names by which systems run a file, whatever stands in it."""
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_MARKUP = re.compile(r"<\s*(?:!doctype|html|head|body|script|svg|iframe|\?xml|\?php)\b", re.IGNORECASE)


def kind_of(data: bytes) -> Kind | None:
    """What a file is by its content, whatever it is called; none if it is of no kind that is taken."""
    for beginning, kind in _BEGINNINGS:
        if data.startswith(beginning):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data.startswith(b"PK\x03\x04"):
        return _kind_inside(data)
    return TEXT if _is_text(data) else None


def is_script(name: str) -> bool:
    """Whether a file is called as a script or program is, whatever stands in it."""
    return PurePosixPath(name.strip(" .").lower()).suffix in _SCRIPTS


def _kind_inside(data: bytes) -> Kind | None:
    """Documents that are archives themselves, by what they must hold; nothing is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    if any(name.endswith("vbaProject.bin") for name in names):
        return None
    return next((kind for name, kind in _INSIDE if name in names), None)


def _is_text(data: bytes) -> bool:
    """Text as people save it here; no page that a browser would run, and no script that names its program."""
    if not data or _CONTROLS.search(data):
        return False
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return not text.startswith("#!") and _MARKUP.search(text) is None
    return False


def safe_name(name: str, kind: Kind) -> str:
    """The name without folders, control signs and what other systems refuse, with an ending of its kind."""
    plain = unicodedata.normalize("NFC", name).replace("\\", "/")
    plain = "".join(sign for sign in PurePosixPath(plain).name if unicodedata.category(sign)[0] != "C")
    plain = re.sub(r'[<>:"|?*%]', "_", plain).strip(" .")
    stem, ending = PurePosixPath(plain).stem, PurePosixPath(plain).suffix.lower()
    if ending not in kind.endings:
        stem, ending = plain, kind.endings[0]
    stem = stem.strip(" .")[: LONGEST_NAME - len(ending)] or "attachment"
    return stem + ending


def require_party(actor: Actor, request: UncloseRequest, asked: Collection[str]) -> None:
    """Files are added by those whom the case concerns.

    Args:
        actor: who wants to add one.
        request: what is asked for: its applicant and correctors are concerned.
        asked: everyone who is or was asked to sign or do something.

    Raises:
        NotAParty: neither of them, nor an operator or ERP administrator.
    """
    concerned = {request.applicant, request.on_behalf_of, *request.correctors, *asked}
    persons = {actor.person, actor.on_behalf_of} - {None}
    if not persons & concerned and not {Group.OPERATOR, Group.ERP_ADMIN} & set(actor.groups):
        raise NotAParty(actor.person, request.id)
