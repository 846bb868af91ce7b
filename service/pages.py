"""Pages of a list whose order is that of one key."""

import base64
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select

from service.queries import Page, Slice
from service.refusals import CursorUnreadable

K = TypeVar("K", str, int)


def rows_by(
    connection: Connection,
    chosen: Select[Any],  # Any: as typed by the columns chosen
    key: ColumnElement[K],
    part: Slice,
    read: Callable[[str], K],
    *,
    newest_first: bool = False,
) -> Page[Row[Any]]:
    """The rows of one page, and the cursor of the next.

    Raises:
        CursorUnreadable: the cursor is not one that was given out here.
    """
    if part.cursor is not None:
        last = _key(part.cursor, read)
        chosen = chosen.where(key < last if newest_first else key > last)
    order = key.desc() if newest_first else key.asc()
    rows = connection.execute(chosen.order_by(order).limit(part.limit + 1)).all()
    shown = rows[: part.limit]
    more = cursor_after(getattr(shown[-1], str(key.key))) if len(rows) > part.limit else None
    return Page(tuple(shown), more)


def cursor_after(key: str | int) -> str:
    return base64.urlsafe_b64encode(str(key).encode()).decode()


def _key(cursor: str, read: Callable[[str], K]) -> K:
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
        if not text.isprintable():
            raise ValueError("never given out")
        return read(text)
    except ValueError:
        raise CursorUnreadable from None
