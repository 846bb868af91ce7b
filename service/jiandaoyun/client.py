"""Jiandaoyun's open API as far as it is used here: records, fields, flows; patient, and never too fast."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import httpx
from pydantic import SecretStr

from service.jiandaoyun.answers import JiandaoyunRefused, JiandaoyunUnreachable, Verdict
from service.jiandaoyun.flows import INSTANCE, LOGS, Answered, FlowTask, tasks_of
from service.jiandaoyun.limits import Pace
from service.jiandaoyun.values import Record, moment_of

Json: TypeAlias = Any
"""JSON as Jiandaoyun sends it; later versions may add fields, which are not looked at."""

PAGE = 100
"""Records a page: the most there can be. Ten come if nothing is said."""
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each new try: the vendor asks for one at least."""


@dataclass(frozen=True)
class FormNow:
    """A form as it is built now."""

    widgets: frozenset[str]
    changed_at: datetime | None
    """The newest change to any of its records; none if the form does not tell."""


@dataclass(frozen=True)
class FormId:
    """Only both together are unique."""

    app_id: str
    entry_id: str

    @property
    def body(self) -> dict[str, str]:
        return {"app_id": self.app_id, "entry_id": self.entry_id}


class JiandaoyunClient:
    """Every call is a POST with the company's key.

    Each raises JiandaoyunRefused for a refusal that does not pass by itself, and JiandaoyunUnreachable.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        api_key: SecretStr,
        pace: Pace | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http, self._base_url, self._api_key = http, base_url.rstrip("/"), api_key
        self._pace, self._sleep = pace or Pace(sleep=sleep), sleep

    async def record(self, form: FormId, record: str) -> Record | None:
        """The record as it is now; none if it is not there (any more)."""
        try:
            answer = await self._call("v5/app/entry/data/get", {**form.body, "data_id": record})
        except JiandaoyunRefused as refused:
            if refused.code == _NO_RECORD:
                return None
            raise
        return dict(answer["data"]) if answer.get("data") else None

    async def records(self, form: FormId, since: datetime) -> AsyncIterator[Record]:
        """Every record of the form made since that day, by rising id, page after page."""
        made = {
            "field": "createTime",
            "type": "datetime",
            "method": "range",
            "value": [f"{since:%Y-%m-%d}", None],
        }
        body: dict[str, Json] = {**form.body, "limit": PAGE, "filter": {"rel": "and", "cond": [made]}}
        after: str | None = None
        while True:
            page = await self._call("v5/app/entry/data/list", body | ({"data_id": after} if after else {}))
            for record in page["data"]:
                yield record
            if len(page["data"]) < PAGE:
                return
            after = str(page["data"][-1]["_id"])

    async def update(self, form: FormId, record: str, values: Mapping[str, str | int | None]) -> None:
        """Write fields of a record; the others stay as they are. Starts no push and no assistant."""
        wrapped = {name: {"value": value} for name, value in values.items()}
        await self._call(
            "v5/app/entry/data/update",
            {**form.body, "data_id": record, "data": wrapped, "is_start_trigger": False},
        )

    async def form(self, form: FormId) -> FormNow:
        """The fields there are, and when any record changed last."""
        answer = await self._call("v5/app/entry/widget/list", form.body)
        names = frozenset(str(widget["name"]) for widget in answer.get("widgets", ()))
        return FormNow(names, moment_of(answer.get("dataModifyTime")))

    async def tasks(self, record: str) -> tuple[FlowTask, ...]:
        """The tasks of the record's own workflow, oldest first. One without a workflow is refused as gone."""
        return tasks_of(await self._call(INSTANCE, {"instance_id": record, "tasks_type": 1}))

    async def answer(self, answered: Answered) -> bool:
        """Answer a task in its assignee's name; false if it had been answered before."""
        return (await self._call(answered.answer, answered.body)).get("status") == "success"

    async def comments(self, record: str) -> tuple[str, ...]:
        """What was said with the answers given so far: a hundred at most, more than any flow has."""
        asked = {"instance_id": record, "types": ["comment"], "skip": 0, "limit": PAGE}
        logs = (await self._call(LOGS, asked)).get("logs") or ()
        return tuple(str(entry.get("comment") or "") for entry in logs)

    async def _call(self, path: str, body: Mapping[str, Json]) -> Mapping[str, Json]:
        for pause in (*_PAUSES, None):
            try:
                return await self._ask(path, body)
            except JiandaoyunRefused as refused:
                if refused.verdict == Verdict.DONE:
                    return {}
                if refused.verdict != Verdict.RETRY:
                    raise
                failure: Exception = refused
            except httpx.HTTPError as error:
                failure = error
            if pause is None:
                raise JiandaoyunUnreachable(f"{path}: {failure}") from failure
            await self._sleep(pause)
        raise AssertionError("the last try has raised")

    async def _ask(self, path: str, body: Mapping[str, Json]) -> Mapping[str, Json]:
        await self._pace.wait(path)
        headers = {"Authorization": f"Bearer {self._api_key.get_secret_value()}"}
        url = f"{self._base_url}/{path}"
        answer = await self._http.post(url, json=body, headers=headers, timeout=TIMEOUT)
        return _read(path, answer)


_NO_RECORD = 4001


def _read(path: str, response: httpx.Response) -> Mapping[str, Json]:
    """The answer's document. Raises JiandaoyunRefused also where a failure comes with status 200."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        # Nothing that the API sends: a gateway in between. A page with status 200 is no answer either.
        status = response.status_code if response.is_error else 502
        raise JiandaoyunRefused(path, status, 0, "not an answer of the API")
    if response.is_error or document.get("status") == "failure":
        code = document.get("code")
        said = str(document.get("msg") or document.get("message") or "")
        raise JiandaoyunRefused(path, response.status_code, code if isinstance(code, int) else 0, said)
    return document
