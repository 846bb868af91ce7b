"""Files of form records: fetched before their addresses die, and kept with the case."""

import logging
from collections.abc import Mapping
from pathlib import PurePosixPath
from time import monotonic
from typing import Protocol

from service.jiandaoyun.answers import JiandaoyunUnreachable
from service.jiandaoyun.complaints import Field
from service.jiandaoyun.file_marks import FileMark
from service.jiandaoyun.file_source import FileNotTaken, FileSource, Untaken
from service.jiandaoyun.forms import Form
from service.jiandaoyun.records import FormRecords, Known
from service.jiandaoyun.values import FormFile, Record, files_of
from service.refusals import BodyTooLarge, FileRefused
from workflows.domain.errors import TooManyAttachments, WrongState

log = logging.getLogger(__name__)

LARGEST = 20 * 1024 * 1024
"""Bytes of one file; a larger one stays in the form."""
_AT_A_TIME = 25.0
"""Seconds for the files of one look; the rest has its turn at the next one."""


class AttachmentKeeper(Protocol):
    """Where files of a case are kept for ever."""

    async def keep(self, case: str, name: str, mime: str, content: bytes) -> None:
        """Keep a file. The same content under the same name is kept once.

        Raises:
            FileRefused, BodyTooLarge, WrongState, TooManyAttachments: it is not taken.
            Unavailable: it cannot be kept now.
        """


class FilesAwaited(Exception):
    """Files of a record could not be had yet; they are tried again at the next look, and not for ever."""


class Attachments:
    """Fetches what has not been fetched yet. A file counts as fetched once it is kept."""

    def __init__(self, source: FileSource, records: FormRecords, keeper: AttachmentKeeper) -> None:
        self._source, self._records, self._keeper = source, records, keeper

    async def fetch(self, form: Form, known: Known, record: Record) -> tuple[str, ...]:
        """Keep every new file of the record with its case; what is known of each file then.

        Raises:
            FilesAwaited: some may be had later.
            Unavailable: the rest is fetched at the next look.
        """
        assert known.case_id is not None
        before = {mark.file: mark for mark in map(FileMark.read, known.files)}
        files = {FileMark.of(file).file: file for file in _files(form, record)}
        # What has been kept stays known; what could not be had is forgotten with its file.
        marks = {name: mark for name, mark in before.items() if name in files or _is_kept(mark)}
        until = monotonic() + _AT_A_TIME
        waits = False
        for name, file in files.items():
            if name in marks and marks[name].is_settled:
                continue
            if monotonic() < until:
                marks[name] = await self._take(known.case_id, marks.get(name, FileMark(name)), file)
                await self._write(known, marks)
            waits = waits or name not in marks or not marks[name].is_settled
        if waits:
            raise FilesAwaited(f"files of record {known.id.record} are tried again")
        return await self._write(known, marks)

    async def _write(self, known: Known, marks: Mapping[str, FileMark]) -> tuple[str, ...]:
        written = tuple(sorted(map(str, marks.values())))
        await self._records.has_files(known.id, written)
        return written

    async def _take(self, case: str, mark: FileMark, file: FormFile) -> FileMark:
        try:
            content = await self._source.fetch(file.url, LARGEST) if file.url else _no_file()
            await self._keeper.keep(case, _plain_name(file.name), file.mime, content)
        except JiandaoyunUnreachable as error:
            log.warning("file %r is not there for %s: %s", file.name, case, error)
            return mark.tried_again()
        except (FileNotTaken, FileRefused, BodyTooLarge, WrongState, TooManyAttachments) as refused:
            log.warning("file %r is not kept with %s: %s", file.name, case, refused)
            return FileMark(mark.file, why=_why(refused))
        return FileMark(mark.file)


def _files(form: Form, record: Record) -> tuple[FormFile, ...]:
    return files_of(record.get(form.fields.get(Field.ATTACHMENTS, "")))


def _is_kept(mark: FileMark) -> bool:
    return mark.is_settled and mark.why is None


def _no_file() -> bytes:
    raise FileNotTaken(Untaken.MALFORMED)


_REFUSED: Mapping[type[Exception], Untaken] = {
    FileRefused: Untaken.KIND,
    BodyTooLarge: Untaken.LARGE,
    WrongState: Untaken.ENDED,
    TooManyAttachments: Untaken.MANY,
}


def _why(refused: Exception) -> Untaken:
    return refused.why if isinstance(refused, FileNotTaken) else _REFUSED[type(refused)]


def _plain_name(name: str) -> str:
    """The name without folders: it was chosen by whoever uploaded the file."""
    return PurePosixPath(name.replace("\\", "/")).name or "attachment"
