"""The values of form fields in every shape they come in: bare in pushes and reads, wrapped in writes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any, TypeAlias

Value: TypeAlias = Any  # Any: JSON as Jiandaoyun sends it
Record: TypeAlias = Mapping[str, Value]


def bare(value: Value) -> Value:
    """The value without the wrapping that the API asks for when it is written: `{"value": …}`."""
    if isinstance(value, Mapping) and set(value) == {"value"}:
        return bare(value["value"])
    if isinstance(value, Mapping):
        return {name: bare(part) for name, part in value.items()}
    return [bare(part) for part in value] if isinstance(value, list) else value


def is_empty(value: Value) -> bool:
    """Nothing is sent as `null`, as an empty text and as an empty list."""
    return bare(value) in (None, "", [], {})


def text_of(value: Value) -> str:
    """The value as a person would read it in the form."""
    value = bare(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return f"{value:.12g}" if abs(value) < 1e12 else str(value)
    if isinstance(value, list):
        return "、".join(part for part in map(text_of, value) if part)
    return _text_of_object(value) if isinstance(value, Mapping) else str(value).strip()


def texts_of(value: Value) -> tuple[str, ...]:
    """Each of several choices; a single text is one."""
    value = bare(value)
    parts = value if isinstance(value, list) else [value]
    return tuple(text for text in map(text_of, parts) if text)


_PLAIN = ("name", "phone", "id")
"""What a member, a department or a file, a telephone number and a chosen record are known by."""
_ADDRESS = ("province", "city", "district", "detail")


def _text_of_object(value: Mapping[str, Value]) -> str:
    if "html" in value:
        return unescape(re.sub(r"<[^>]*>", " ", str(value["html"]))).strip()
    if any(part in value for part in _ADDRESS):
        return "".join(text_of(value.get(part)) for part in _ADDRESS)
    return next((text_of(value[name]) for name in _PLAIN if name in value), "")


def usernames_of(value: Value) -> tuple[str, ...]:
    """The members by the name that is unique in the company; by their id where an old push has no other."""
    value = bare(value)
    members = value if isinstance(value, list) else [value]
    return tuple(name for name in map(_username, members) if name)


def unnamed_of(value: Value) -> tuple[str, ...]:
    """Members that nothing unique is told of, as a person reads them: a name alone could be anybody's."""
    value = bare(value)
    members = value if isinstance(value, list) else [value]
    return tuple(text_of(one) or "?" for one in members if not is_empty(one) and not _username(one))


def _username(member: Value) -> str:
    if isinstance(member, Mapping):
        return text_of(member.get("username") or member.get("_id"))
    return text_of(member)


def rows_of(value: Value) -> tuple[Record, ...]:
    """The rows of a subform."""
    value = bare(value)
    return tuple(row for row in value if isinstance(row, Mapping)) if isinstance(value, list) else ()


def moment_of(value: Value) -> datetime | None:
    """A moment: ISO 8601 (UTC unless it says otherwise) or milliseconds; none if it is anything else."""
    value = bare(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000, UTC)
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


@dataclass(frozen=True)
class FormFile:
    """An attachment, picture or signature. Its address, if it has one, dies 15 days after it was read."""

    name: str
    size: int
    mime: str
    url: str


def files_of(value: Value) -> tuple[FormFile, ...]:
    """The files; one without an address stands for what is there and cannot be a file."""
    if is_empty(value):
        return ()
    value = bare(value)
    return tuple(_file(part) for part in (value if isinstance(value, list) else [value]) if part is not None)


def _file(part: Value) -> FormFile:
    if not isinstance(part, Mapping):
        return FormFile(text_of(part), 0, "", "")
    size, url = part.get("size"), part.get("url")
    return FormFile(
        text_of(part.get("name")),
        int(size) if isinstance(size, int | float) and 0 <= size < 1e15 else 0,
        text_of(part.get("mime")),
        url if isinstance(url, str) else "",
    )
