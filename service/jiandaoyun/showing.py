"""What forms show of their cases: written at each change of state, at least once, the newest last."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta

from service.jiandaoyun.answers import JiandaoyunRefused, JiandaoyunUnreachable, Verdict
from service.jiandaoyun.client import JiandaoyunClient
from service.jiandaoyun.file_marks import files_untaken
from service.jiandaoyun.forms import Form, Forms, Result
from service.jiandaoyun.notes import without_overtaken
from service.jiandaoyun.records import FormRecords, Known, ToShow
from service.jiandaoyun.verdicts import verdict
from service.queries import Reader
from service.texts import GROUPS, STATES, Language, Words
from workflows.domain.errors import StorageUnavailable
from workflows.domain.request import CaseState

log = logging.getLogger(__name__)

_LOOK_EVERY = 0.5
"""Seconds between two looks for news."""
_SOON, _LATER = timedelta(seconds=30), timedelta(minutes=10)
_LONGEST = 2000
"""Characters of a message: more is cut off by the form itself."""

REPORTED = frozenset({CaseState.COMPLETED, CaseState.ROLLED_BACK})
"""Endings that have a report."""
NOT_TAKEN = Words("not taken", "未受理")


class FormShowing:
    """Keeps forms up to date. Several may run: each record is written by one at a time."""

    def __init__(self, client: JiandaoyunClient, records: FormRecords, forms: Forms, reader: Reader) -> None:
        self._client, self._records, self._forms, self._reader = client, records, forms, reader

    async def keep_going(self) -> None:
        """Until cancelled. What cannot be done now is done later; nothing is forgotten over a restart."""
        while True:
            try:
                busy = await self.show_news()
            except StorageUnavailable as error:
                log.warning("forms wait for the register: %s", error)
                busy = 0
            if not busy:
                await asyncio.sleep(_LOOK_EVERY)

    async def show_news(self) -> int:
        """Bring every form up to date that may show something old; how many records were looked at."""
        claimed = await self._records.claim()
        for told in claimed:
            await self._show(told)
        return len(claimed)

    async def _show(self, told: ToShow) -> None:
        form = self._forms.find(told.known.id.form.app_id, told.known.id.form.entry_id)
        if form is None or told.known.removed:
            await self._records.shown(told, None)
            return
        results = await self._results(form, told)
        wanted = {name.value: value for name, value in results.items() if name in form.results}
        if wanted == told.known.shown:
            await self._records.shown(told, None)
            return
        values = {form.results[Result(name)]: value for name, value in wanted.items()}
        try:
            await self._client.update(told.known.id.form, told.known.id.record, values)
        except JiandaoyunUnreachable as error:
            log.warning("record %s cannot be written: %s", told.known.id.record, error)
            await self._records.put_off(told, _SOON)
        except JiandaoyunRefused as refused:
            await self._give_up(told, refused)
        else:
            await self._records.shown(told, wanted)

    async def _give_up(self, told: ToShow, refused: JiandaoyunRefused) -> None:
        """For now, where a person can help; for good, where the record is gone."""
        log.error("record %s cannot be written: %s", told.known.id.record, refused)
        if refused.verdict == Verdict.GONE:
            await self._records.shown(told, None)
        else:
            await self._records.put_off(told, _LATER)

    async def _results(self, form: Form, told: ToShow) -> Mapping[Result, str]:
        known, said = told.known, form.language
        state = NOT_TAKEN if known.case_id is None else STATES[known.state or CaseState.RECEIVED]
        waiting_for = "、".join(_name(who, said) for who in told.waiting_for)
        return {
            Result.STATE: state.in_(said) if known.case_id or known.message else "",
            Result.NUMBER: known.case_id or "",
            Result.WAITING_FOR: waiting_for,
            Result.REPORT: self._report(known.case_id, known.state, said),
            Result.MESSAGE: (await self._message(known, said))[:_LONGEST],
        }

    async def _message(self, known: Known, language: Language) -> str:
        """What is wrong with the record comes first: the form cuts off the end."""
        own = without_overtaken(known, language)
        because = ""
        if known.case_id is not None and known.dealt_with is not None:
            because = await verdict(self._reader, known.case_id, known.state, language)
        return "\n".join(filter(None, (own, because, files_untaken(known.files, language))))

    def _report(self, case: str | None, state: CaseState | None, language: Language) -> str:
        if self._forms.address is None or case is None or state not in REPORTED:
            return ""
        return f"{self._forms.address.rstrip('/')}/api/v1/requests/{case}/report.pdf?lang={language}"


def _name(who: str, language: Language) -> str:
    """A group in the words people use; a person by name."""
    group = next((group for group in GROUPS if group == who), None)
    return who if group is None else GROUPS[group].in_(language)
