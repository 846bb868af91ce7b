"""The fake company: forms, records and people. What people do is pushed; what the API does is not."""

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]  # Any: JSON

ATTACHMENTS_LIVE = timedelta(days=15)
_SYSTEM = datetime(2025, 6, 1, tzinfo=UTC)


class FakeRefusal(Exception):
    """A documented error: HTTP 400 with a code, unless it says otherwise."""

    def __init__(self, code: int, msg: str = "", status: int = 400) -> None:
        super().__init__(f"{code} {msg}")
        self.code, self.msg, self.status = code, msg, status


@dataclass
class FakeForm:
    """A form, its fields by name with their types, and its records by id."""

    app_id: str
    entry_id: str
    name: str
    widgets: Mapping[str, str]
    records: dict[str, Json] = field(default_factory=dict)
    modified_at: datetime = _SYSTEM


def _ticking(now: Callable[[], datetime]) -> Callable[[], datetime]:
    """A clock in whole milliseconds of which no two readings are the same."""
    last = datetime.min.replace(tzinfo=UTC)

    def tick() -> datetime:
        nonlocal last
        moment = now().astimezone(UTC)
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        last = max(moment, last + timedelta(milliseconds=1))
        return last

    return tick


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FakeCompany:
    """Everything the fake knows. `push` is told of each event, as `(op, time in ms, data)`."""

    def __init__(self, forms: Iterable[FakeForm], now: Callable[[], datetime] = _utc_now) -> None:
        self.forms = {(form.app_id, form.entry_id): form for form in forms}
        self.push: Callable[[str, int, Json], None] = lambda op, at, data: None
        self.files: dict[str, tuple[bytes, datetime]] = {}
        self.written: list[tuple[str, Json]] = []
        """What the API has written, record by record, in order."""
        self._bin: dict[str, Json] = {}
        self._now = _ticking(now)
        self._count = itertools.count(1)

    def form(self, app_id: object, entry_id: object) -> FakeForm:
        found = self.forms.get((str(app_id), str(entry_id)))
        if found is None:
            raise FakeRefusal(3000, "The form does not exist")
        return found

    # ---------------------------------------------------------------- what people do: pushed

    def submit(self, form: FakeForm, username: str, values: Json, *, is_pushed: bool = True) -> str:
        """Somebody fills in a record; an import does the same without a push."""
        at = self._now()
        record_id = f"{int(at.timestamp()):08x}{next(self._count):016x}"
        person = member(username)
        form.records[record_id] = {
            "formName": form.name,
            "appId": form.app_id,
            "entryId": form.entry_id,
            "_id": record_id,
            "creator": person,
            "updater": person,
            "deleter": None,
            "createTime": iso(at),
            "updateTime": iso(at),
            "deleteTime": None,
            **copy.deepcopy(values),
        }
        form.modified_at = at
        if is_pushed:
            self._tell("data_create", form, record_id, at)
        return record_id

    def edit(
        self, form: FakeForm, record_id: str, username: str, values: Json, *, is_pushed: bool = True
    ) -> None:
        """Somebody changes a record; a batch edit does the same without a push."""
        self._change(form, record_id, username, values)
        if is_pushed:
            self._tell("data_update", form, record_id, form.modified_at)

    def remove(self, form: FakeForm, record_id: str, username: str, *, is_pushed: bool = True) -> None:
        at = self._now()
        gone = form.records.pop(record_id)
        gone |= {"deleter": member(username), "deleteTime": iso(at)}
        self._bin[record_id] = gone
        form.modified_at = at
        if is_pushed:
            told = {
                k: gone[k]
                for k in ("formName", "appId", "entryId", "_id", "deleter", "deleteTime", "updateTime")
            }
            self.push("data_remove", ms(at), told)

    def recover(self, form: FakeForm, record_id: str) -> None:
        at = self._now()
        form.records[record_id] = self._bin.pop(record_id) | {"deleter": None, "deleteTime": None}
        form.modified_at = at
        self._tell("data_recover", form, record_id, at)

    def rebuild(self, form: FakeForm, widgets: Mapping[str, str]) -> None:
        """An administrator saves another form structure."""
        form.widgets = widgets
        listed = [{"label": name, "name": name, "type": kind} for name, kind in widgets.items()]
        data = {"appId": form.app_id, "entryId": form.entry_id, "name": form.name, "widgets": listed}
        self.push("form_update", ms(self._now()), data)

    def attach(self, name: str, content: bytes, base_url: str) -> Json:
        """An uploaded file, as it stands in a record."""
        key = f"{next(self._count):x}"
        self.files[key] = (content, self._now() + ATTACHMENTS_LIVE)
        url = f"{base_url}/files/{key}"
        return {"name": name, "size": len(content), "mime": "application/octet-stream", "url": url}

    # ---------------------------------------------------------------- what the API does: never pushed

    def write(self, form: FakeForm, record_id: str, values: Json) -> Json:
        if record_id not in form.records:
            raise FakeRefusal(4001, "The data does not exist")
        self._change(form, record_id, "api", values)
        self.written.append((record_id, copy.deepcopy(values)))
        return form.records[record_id]

    def file(self, key: str) -> bytes | None:
        content, until = self.files.get(key, (b"", _SYSTEM))
        return content if self._now() < until else None

    def _change(self, form: FakeForm, record_id: str, username: str, values: Json) -> None:
        form.modified_at = self._now()
        record = form.records[record_id]
        record |= copy.deepcopy(values)
        record |= {"updater": member(username), "updateTime": iso(form.modified_at)}

    def _tell(self, op: str, form: FakeForm, record_id: str, at: datetime) -> None:
        self.push(op, ms(at), copy.deepcopy(form.records[record_id]))


def member(username: str) -> Json:
    return {"name": username, "username": username, "status": 1, "type": 0, "departments": [1]}


def iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
