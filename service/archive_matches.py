"""Which cases of the archive say what is asked for: one search, told to SQLite and to PostgreSQL."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    not_,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from service.archive_index import PIECES
from service.archive_tables import archive_pieces, archived_cases
from service.archive_words import Phrase, pair_word

_SMALL = table("archive_index", column("rowid", Integer))
_BIG = table("archive_big_index", column("rowid", Integer))
"""SQLite's indexes over the pieces of cases with one piece and with several; migrations make both."""

Numbers = Select[tuple[int]]
Conditions = Sequence[ColumnElement[bool]]
"""On `archived_cases`."""


def newest(
    connection: Connection, said: Sequence[Phrase], wanted: Conditions, before: int | None, limit: int
) -> tuple[Numbers, Numbers]:
    """The numbers of the newest cases in which everything said occurs: those of one piece, and longer ones.

    At most so many of each, only those before a number if one is given, and what is wanted besides must hold.
    """
    if connection.dialect.name == "sqlite":
        small, big = _in_sqlite(said, wanted, before)
    else:
        connection.execute(_PLAN)
        small, big = _in_postgresql(said, wanted, before)
    return small.limit(limit), big.limit(limit)


def _all(wanted: Conditions, before: int | None) -> Numbers:
    limits = () if before is None else (archived_cases.c.n < before,)
    return select(archived_cases.c.n).where(*wanted, *limits).order_by(archived_cases.c.n.desc())


# --------------------------------------------------------------------------- SQLite


def _in_sqlite(said: Sequence[Phrase], wanted: Conditions, before: int | None) -> tuple[Numbers, Numbers]:
    def match(index: str, words: str, name: str) -> ColumnElement[bool]:
        return literal_column(index).op("MATCH", is_comparison=True)(bindparam(name, words))

    # Read from the index itself in its order, so that it stops after a page, however many cases match.
    small = select(archived_cases.c.n).select_from(
        _SMALL.join(archived_cases, archived_cases.c.n == _SMALL.c.rowid // PIECES)
    )
    small = small.where(match("archive_index", " AND ".join(map(_fts, said)), "all_said"), *wanted)
    if before is not None:
        small = small.where(_SMALL.c.rowid < before * PIECES)
    big = _all(wanted, before)
    for at, phrase in enumerate(said):
        has = select(_BIG.c.rowid // PIECES).where(match("archive_big_index", _fts(phrase), f"said_{at}"))
        big = big.where(archived_cases.c.n.in_(has))
    return small.order_by(_SMALL.c.rowid.desc()), big


def _fts(phrase: Phrase) -> str:
    return f'"{" ".join(phrase.looked_up)}"{" *" if phrase.is_beginning else ""}'


# --------------------------------------------------------------------------- PostgreSQL

_PLAN = select(func.set_config("enable_seqscan", "off", True), func.set_config("jit", "off", True))
"""For this transaction. The planner holds a look through all pieces for cheap, since it does not count what
unpacking their words takes, and a plan made ready for millions of rows takes longer than any search here."""


_IS_SMALL, _IS_BIG = not_(archive_pieces.c.big), archive_pieces.c.big
"""In the words of the indexes' own conditions: PostgreSQL would not know them again in others."""


def _in_postgresql(said: Sequence[Phrase], wanted: Conditions, before: int | None) -> tuple[Numbers, Numbers]:
    """First what the index alone can answer; the order of words is then looked at from the newest case on.

    The index knows words and pairs of them, not their places: for those the words of a case are unpacked.
    As a rule only for as many cases as make a page.
    """
    # Without any other condition there is only one way to read this: the index.
    occur = _matches(" & ".join(map(_in_index, said)), "all_said")
    small = select(archive_pieces.c.n, archive_pieces.c.case_n).where(_IS_SMALL, occur)
    found = small.cte("found").prefix_with("MATERIALIZED")
    return _newest_small(found, said, wanted, before), _big(said, wanted, before)


def _newest_small(found: CTE, said: Sequence[Phrase], wanted: Conditions, before: int | None) -> Numbers:
    cases = select(found.c.case_n, found.c.n)
    if wanted:
        cases = cases.join(archived_cases, archived_cases.c.n == found.c.case_n).where(*wanted)
    if before is not None:
        cases = cases.where(found.c.case_n < before)
    # Without an offset, be it none, the order of words would be looked at before the cases are in order.
    ordered = cases.order_by(found.c.n.desc()).offset(0).subquery("ordered")
    newest = select(ordered.c.case_n.label("n"))
    long = [_in_order(phrase) for phrase in said if len(phrase.units) > 2]
    if long:
        stands = select(_matches(" & ".join(long), "in_order")).where(archive_pieces.c.n == ordered.c.n)
        newest = newest.where(stands.scalar_subquery())
    return newest.order_by(ordered.c.n.desc())


def _big(said: Sequence[Phrase], wanted: Conditions, before: int | None) -> Numbers:
    big = _all(wanted, before)
    for at, phrase in enumerate(said):
        words = _in_index(phrase) if len(phrase.units) < 3 else f"{_in_index(phrase)} & {_in_order(phrase)}"
        has = select(archive_pieces.c.case_n).where(_IS_BIG)
        big = big.where(archived_cases.c.n.in_(has.where(_matches(words, f"said_{at}"))))
    return big


def _matches(words: str, name: str) -> ColumnElement[bool]:
    # Not read by PostgreSQL's parser: it would divide words otherwise than we do.
    return archive_pieces.c.words.op("@@", is_comparison=True)(cast(bindparam(name, words), TSQUERY))


def _in_index(phrase: Phrase) -> str:
    """All that the index knows of the phrase: its only word, or every pair of neighbours."""
    words = list(_pairs(phrase)) or [phrase.units[0].text]
    ending = ":*" if phrase.is_beginning else ""
    return " & ".join((*(f"'{word}'" for word in words[:-1]), f"'{words[-1]}'{ending}"))


def _pairs(phrase: Phrase) -> Iterator[str]:
    return (pair_word(one.text, after.text) for one, after in pairwise(phrase.units))


def _in_order(phrase: Phrase) -> str:
    words = [f"'{word}'" for word in phrase.looked_up]
    return "(" + " <-> ".join(words) + (":*)" if phrase.is_beginning else ")")
