"""Pushes of Jiandaoyun as the inbox hands them on: each says where to look, and no more is relied on."""

import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from typing_extensions import override

from service.inbox.ports import Delivery, DeliveryState, Handler, Hook, Outcome, TryLater
from service.jiandaoyun.answers import JiandaoyunRefused, JiandaoyunUnreachable
from service.jiandaoyun.attachments import FilesAwaited
from service.jiandaoyun.client import JiandaoyunClient
from service.jiandaoyun.file_marks import files_untaken
from service.jiandaoyun.forms import Form, Forms
from service.jiandaoyun.intake import FormIntake
from service.refusals import FormFieldsMissing, JiandaoyunSaysNo

log = logging.getLogger(__name__)

_ABOUT_RECORDS = frozenset({"data_create", "data_update", "data_remove", "data_recover"})
_UNKNOWN_FORM = "jiandaoyun.toml has no form of this app_id and entry_id · 该表单未在 jiandaoyun.toml 中配置"
_SOON = timedelta(seconds=30)


class JiandaoyunPushes(Handler):
    """What is asked for stands in the record itself: pushes come late, twice, in any order, or not at all."""

    def __init__(self, client: JiandaoyunClient, intake: FormIntake, forms: Forms) -> None:
        self._client, self._intake, self._forms = client, intake, forms

    @override
    async def handle(self, delivery: Delivery, hook: Hook) -> Outcome:
        push = _read(delivery.body)
        data = _object(push.get("data"))
        form = self._forms.find(str(data.get("appId")), str(data.get("entryId")))
        if push.get("op") == "data_test":
            return Outcome(DeliveryState.IGNORED, note="connection test")
        if not push:
            return Outcome(DeliveryState.IGNORED, note="the body is no JSON object · 推送内容不是 JSON 对象")
        if form is None:
            return Outcome(DeliveryState.IGNORED, note=_UNKNOWN_FORM)
        try:
            return await self._on_event(form, str(push.get("op")), data)
        except (JiandaoyunUnreachable, FilesAwaited) as error:
            raise TryLater(str(error), _SOON) from error
        except JiandaoyunRefused as refused:
            raise JiandaoyunSaysNo(str(refused.code or refused.status), refused.said) from refused

    async def _on_event(self, form: Form, op: str, data: Mapping[str, Any]) -> Outcome:  # Any: JSON
        if op == "form_update":
            return await self._check_map(form)
        if op not in _ABOUT_RECORDS or not isinstance(data.get("_id"), str):
            return Outcome(DeliveryState.IGNORED, note="nothing is done about such events")
        known = await self._intake.look(form, data["_id"])
        said = (known.message, files_untaken(known.files, form.language))
        return Outcome(case=known.case_id, note="\n".join(filter(None, said)))

    async def _check_map(self, form: Form) -> Outcome:
        """The form was rebuilt: the map must still fit. Raises FormFieldsMissing."""
        there = (await self._client.form(form.id)).widgets
        if missing := sorted(form.widgets - there):
            log.error("form %s has no fields %s any more", form.code, ", ".join(missing))
            raise FormFieldsMissing(form.code, ", ".join(missing))
        return Outcome(note="every field of the map is there")


def _read(body: bytes) -> Mapping[str, Any]:  # Any: JSON
    try:
        return _object(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _object(value: Any) -> Mapping[str, Any]:  # Any: JSON
    return value if isinstance(value, dict) else {}
