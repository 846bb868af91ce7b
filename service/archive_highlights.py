"""Where in a case of the archive that stands which was asked for."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import BindParameter, Connection, Row, bindparam, select

from service.archive_tables import archive_pieces
from service.archive_text import Where
from service.archive_words import Phrase, Shown, excerpt

_MOST = 3


@dataclass(frozen=True)
class Highlight:
    """A line in which something stands that was asked for."""

    where: Where
    shown: Shown


def highlights(
    connection: Connection, shown: Sequence[int], said: Sequence[Phrase]
) -> Mapping[int, tuple[Highlight, ...]]:
    """By case: for everything asked for, the first line in which it stands."""
    patterns = [phrase.pattern() for phrase in said][:_MOST]
    stands = {
        row.n: lines
        for row in connection.execute(_PLAIN, {"shown": shown})
        if (lines := _lines_with(row.plain, patterns))
    }
    # Most pieces have nothing to show: what they tell in full is not read.
    missing = defaultdict[int, list[re.Pattern[str]]](lambda: [*patterns])
    found: dict[int, tuple[Highlight, ...]] = {}
    for row in connection.execute(_TOLD, {"shown": [*stands]}):
        told = _told(row, stands[row.n], missing[row.case_n])
        found[row.case_n] = (*found.get(row.case_n, ()), *told)
    return found


_Piece: TypeAlias = Row[int, int, str, str]
_KEPT = archive_pieces.c
_SHOWN: BindParameter[Sequence[int]] = bindparam("shown", expanding=True)
_PLAIN = select(_KEPT.n, _KEPT.plain).where(_KEPT.case_n.in_(_SHOWN))
_TOLD = select(_KEPT.n, _KEPT.case_n, _KEPT.told, _KEPT.places).where(_KEPT.n.in_(_SHOWN)).order_by(_KEPT.n)


def _lines_with(plain: str, patterns: Sequence[re.Pattern[str]]) -> dict[re.Pattern[str], int]:
    """In which line of a piece each pattern stands first."""
    found = ((pattern, pattern.search(plain)) for pattern in patterns)
    return {pattern: plain.count("\n", 0, stands.start()) for pattern, stands in found if stands}


def _told(
    piece: _Piece, stands: Mapping[re.Pattern[str], int], unseen: list[re.Pattern[str]]
) -> Iterator[Highlight]:
    """The first lines with what has not been seen yet; it is seen then."""
    here = defaultdict[int, list[re.Pattern[str]]](list)
    for pattern in unseen:
        if pattern in stands:
            here[stands[pattern]].append(pattern)
    lines, places = piece.told.split("\n"), piece.places.split()
    for n, patterns in sorted(here.items(), key=lambda each: each[0]):
        # Names stand last, and only there for what is found by nothing else.
        if places[n] != Where.NAMES:
            unseen[:] = [pattern for pattern in unseen if pattern not in patterns]
            yield Highlight(Where(places[n]), excerpt(lines[n], patterns))
