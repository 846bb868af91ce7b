"""Reads rows as plain JSON, even where a stored value cannot be read any more: then it says which."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, select
from sqlalchemy.exc import OperationalError

from activities.verifier import UNREADABLE
from workflows.domain.digest import Json, to_json

_UNREADABLE = (ValueError, TypeError, OperationalError)
"""What the drivers raise for text that is no UTF-8, no JSON, no time."""


def read_rows(
    connection: Connection, table: Table, *where: ColumnElement[bool], leave_out: tuple[str, ...] = ()
) -> list[dict[str, Json]]:
    """The rows that are meant, in the order of their keys."""
    columns = [column for column in table.c if column.name not in leave_out]
    keys = list(table.primary_key.columns)
    try:
        rows = connection.execute(select(*columns).where(*where).order_by(*keys)).mappings().all()
        return [_plain(row) for row in rows]
    except _UNREADABLE:
        found = connection.execute(select(*keys).where(*where).order_by(*keys)).all()
        return [_piece_by_piece(connection, columns, keys, key) for key in found]


def _plain(row: Mapping[Any, Any]) -> dict[str, Json]:  # Any: as SQLAlchemy types it
    return {name: to_json(value) for name, value in row.items()}


def _piece_by_piece(
    connection: Connection, columns: list[Column[Any]], keys: list[Column[Any]], key: Any
) -> dict[str, Json]:
    where = [column == value for column, value in zip(keys, key, strict=True)]
    row: dict[str, Json] = {}
    for column in columns:
        try:
            row[column.name] = to_json(connection.scalar(select(column).where(*where)))
        except _UNREADABLE:
            row[column.name] = UNREADABLE
    return row
