"""Files of form records: fetched before their addresses die, and kept with the case."""

import logging
from pathlib import PurePosixPath
from typing import Protocol

from service.jiandaoyun.answers import JiandaoyunRefused
from service.jiandaoyun.client import JiandaoyunClient
from service.jiandaoyun.complaints import Field
from service.jiandaoyun.forms import Form
from service.jiandaoyun.records import FormRecords, Known
from service.jiandaoyun.values import FormFile, Record, files_of

log = logging.getLogger(__name__)

LARGEST = 20 * 1024 * 1024
"""Bytes of one file; a larger one stays in the form."""


class AttachmentKeeper(Protocol):
    """Where files of a case are kept for ever."""

    async def keep(self, case: str, name: str, mime: str, content: bytes) -> None:
        """Keep a file. The same content under the same name is kept once."""


class Attachments:
    """Fetches what has not been fetched yet. A file counts as fetched once it is kept."""

    def __init__(self, client: JiandaoyunClient, records: FormRecords, keeper: AttachmentKeeper) -> None:
        self._client, self._records, self._keeper = client, records, keeper

    async def fetch(self, form: Form, known: Known, record: Record) -> None:
        """Keep every new file of the record with its case.

        Raises:
            JiandaoyunUnreachable, StorageUnavailable: the rest is fetched at the next look.
        """
        assert known.case_id is not None
        done = set(known.files)
        for file in files_of(record.get(form.fields.get(Field.ATTACHMENTS, ""))):
            if _mark(file) in done:
                continue
            if (content := await self._content(file, known)) is not None:
                await self._keeper.keep(known.case_id, _plain_name(file.name), file.mime, content)
            done.add(_mark(file))
            await self._records.has_files(known.id, tuple(sorted(done)))

    async def _content(self, file: FormFile, known: Known) -> bytes | None:
        """None if it can never be had: gone, or too large."""
        try:
            return await self._client.fetch(file.url, LARGEST)
        except JiandaoyunRefused as refused:
            log.error("file %r of record %s is not kept: %s", file.name, known.id.record, refused)
            return None


def _mark(file: FormFile) -> str:
    """What tells one file of a record from another; the address is new at every reading."""
    return f"{file.size}:{file.name}"


def _plain_name(name: str) -> str:
    """The name without folders: it was chosen by whoever uploaded the file."""
    return PurePosixPath(name.replace("\\", "/")).name or "attachment"
