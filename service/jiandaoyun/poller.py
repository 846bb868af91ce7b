"""Finds what pushes have missed: lost ones, batch edits, imports, deletions that nobody was told of."""

import logging
from dataclasses import dataclass

from service.jiandaoyun.answers import JiandaoyunUnreachable
from service.jiandaoyun.attachments import FilesAwaited
from service.jiandaoyun.client import JiandaoyunClient
from service.jiandaoyun.forms import Form, Forms
from service.jiandaoyun.intake import FormIntake
from service.jiandaoyun.records import FormRecords, RecordId
from service.jiandaoyun.values import Record
from workflows.domain.errors import Unavailable

log = logging.getLogger(__name__)


@dataclass
class Polled:
    """What a poll has done."""

    records: int = 0
    """How many were looked at."""
    failed: int = 0
    """How many could not be dealt with; they are looked at again."""
    missing: tuple[str, ...] = ()
    """Fields that the map names and forms do not have."""


class FormPoller:
    """Done twice, or beside pushes, it does nothing twice: both go through the same intake."""

    def __init__(
        self, client: JiandaoyunClient, records: FormRecords, intake: FormIntake, forms: Forms
    ) -> None:
        self._client, self._records, self._intake, self._forms = client, records, intake, forms

    async def poll(self) -> Polled:
        """Look at every form.

        Raises:
            JiandaoyunRefused, JiandaoyunUnreachable, Unavailable: not all could be read; the next poll does.
        """
        polled = Polled()
        for form in self._forms.forms:
            await self._poll(form, polled)
        return polled

    async def _poll(self, form: Form, polled: Polled) -> None:
        # Read before the records: what changes while they are read is newer, and is found the next time.
        now = await self._client.form(form.id)
        if missing := form.widgets - now.widgets:
            log.error("form %s has no fields %s any more", form.code, ", ".join(sorted(missing)))
            polled.missing = (*polled.missing, *(f"{form.code}.{name}" for name in sorted(missing)))
        failed_before, seen = polled.failed, set[str]()
        done = await self._records.read_through(form.id)
        if done is None or now.changed_at is None or now.changed_at > done:
            async for record in self._client.records(form.id, form.since):
                seen.add(str(record["_id"]))
                await self._take(form, RecordId(form.id, str(record["_id"])), record, polled)
        for its in await self._records.open_ones(form.id):
            if its.record not in seen:
                await self._take(form, its, await self._client.record(form.id, its.record), polled)
        if polled.failed == failed_before:
            await self._records.has_read_through(form.id, now.changed_at)

    async def _take(self, form: Form, its: RecordId, record: Record | None, polled: Polled) -> None:
        """One record that nobody can deal with must not keep the others waiting."""
        polled.records += 1
        try:
            await self._intake.take(form, its, record)
        except (Unavailable, JiandaoyunUnreachable):
            raise
        except FilesAwaited as awaited:
            polled.failed += 1
            log.warning("%s", awaited)
        except Exception:  # whatever it is, it is this record's
            polled.failed += 1
            log.exception("record %s of form %s", its.record, form.code)
