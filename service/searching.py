"""Plain search: texts as single words and single Chinese characters, alike on SQLite and PostgreSQL."""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, FromClause, bindparam, column, func, literal_column, table
from sqlalchemy.sql.elements import ColumnElement

from service.tables import case_words

_TOKEN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u9fff\uf900-\ufaff]+")
"""One Chinese character, or a word of anything else; the rest only divides."""

_CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")

_FTS = table("case_words_index", column("rowid"))
"""SQLite's index over the words; migrations make it, and a trigger fills it."""


def tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


def spaced(text: str) -> str:
    """The text as it is indexed."""
    return " ".join(tokens(text))


@dataclass(frozen=True)
class Found:
    """Where the words of matching cases are, and the position by which they are read."""

    side: FromClause
    position: ColumnElement[int]
    match: ColumnElement[bool]


def find(connection: Connection, said: str) -> Found | None:
    """The words of cases in which everything said occurs; none if nothing that could occur was said.

    Chinese is found wherever it stands, other words by how they begin. Punctuation does not matter.
    """
    phrases = [found for word in said.split() if (found := tokens(word))]
    if not phrases:
        return None
    return _in_sqlite(phrases) if connection.dialect.name == "sqlite" else _in_postgresql(phrases)


def _in_sqlite(phrases: list[list[str]]) -> Found:
    wanted = " AND ".join(f'"{" ".join(phrase)}"{_beginning(phrase, " *")}' for phrase in phrases)
    match = literal_column("case_words_index").op("MATCH", is_comparison=True)(bindparam("wanted", wanted))
    # Read from the index itself, so that it stops after a page, however many cases match.
    return Found(_FTS.join(case_words, case_words.c.n == _FTS.c.rowid), _FTS.c.rowid, match)


def _in_postgresql(phrases: list[list[str]]) -> Found:
    wanted = " & ".join(
        " <-> ".join(f"'{token}'" for token in phrase) + _beginning(phrase, ":*") for phrase in phrases
    )
    indexed = func.to_tsvector(literal_column("'simple'::regconfig"), case_words.c.spaced)
    query = func.to_tsquery(literal_column("'simple'::regconfig"), bindparam("wanted", wanted))
    return Found(case_words, case_words.c.n, indexed.op("@@", is_comparison=True)(query))


def _beginning(phrase: list[str], mark: str) -> str:
    """The mark that lets the last word be only a beginning; a Chinese character is whole by itself."""
    return "" if _CHINESE.fullmatch(phrase[-1]) else mark
