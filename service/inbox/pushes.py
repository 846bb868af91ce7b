"""Pushes of Jiandaoyun as the inbox sees them: what has happened to which record, and when."""

import json
from datetime import datetime
from typing import Any

from typing_extensions import override

from service.inbox.ports import Delivery, DeliveryState, Handler, Hook, Outcome, Place


def place_of_push(body: bytes) -> Place:
    """Never raises: what cannot be read stands in no line, and is stored all the same."""
    try:
        said: Any = json.loads(body)  # Any: whatever was sent
    except (ValueError, RecursionError):
        return Place()
    push = _object(said)
    data = _object(push.get("data"))
    # Only the pair of application and form is unique, and a form structure has no record.
    form = [data.get(name) for name in ("appId", "entryId")]
    record = data.get("_id")
    named = "/".join(str(part) for part in (*form, record)) if isinstance(record, str) else None
    return Place(str(push.get("op") or ""), named, _moment(push, data))


def _object(value: Any) -> dict[str, Any]:  # Any: whatever was sent
    return value if isinstance(value, dict) else {}


def _moment(push: dict[str, Any], data: dict[str, Any]) -> int | None:  # Any: as sent
    at = push.get("opTime")
    if isinstance(at, int) and not isinstance(at, bool):
        return at
    try:  # bodies of older forms do not have it
        return int(datetime.fromisoformat(data["updateTime"]).timestamp() * 1000)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


class StoredOnly(Handler):
    """For an installation that reads no forms: pushes are kept, and ask for nothing."""

    @override
    async def handle(self, delivery: Delivery, hook: Hook) -> Outcome:
        return Outcome(DeliveryState.IGNORED, note="no form is read by this hook")
