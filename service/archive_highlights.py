"""Where in a case of the archive that stands which was asked for."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, Row, bindparam, select

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
    missing = defaultdict[int, list[re.Pattern[str]]](lambda: [*patterns])
    found: dict[int, tuple[Highlight, ...]] = {}
    for row in connection.execute(_PIECES, {"shown": shown}):
        unseen = missing[row.case_n]
        found[row.case_n] = (*found.get(row.case_n, ()), *_lines_with(row, unseen))
    return found


_Piece: TypeAlias = Row[int, str, str, str]
_KEPT = archive_pieces.c
_PIECES = select(_KEPT.case_n, _KEPT.told, _KEPT.plain, _KEPT.places)
_PIECES = _PIECES.where(_KEPT.case_n.in_(bindparam("shown", expanding=True))).order_by(_KEPT.n)


def _lines_with(piece: _Piece, unseen: list[re.Pattern[str]]) -> Iterator[Highlight]:
    """The first lines with what has not been seen yet; it is seen then."""
    here = defaultdict[int, list[re.Pattern[str]]](list)
    for pattern in unseen:
        if stands := pattern.search(piece.plain):
            here[piece.plain.count("\n", 0, stands.start())].append(pattern)
    if here:
        lines, places = piece.told.split("\n"), piece.places.split()
        for n, patterns in sorted(here.items(), key=lambda each: each[0]):
            # Names stand last, and only there for what is found by nothing else.
            if places[n] != Where.NAMES:
                unseen[:] = [pattern for pattern in unseen if pattern not in patterns]
                yield Highlight(Where(places[n]), excerpt(lines[n], patterns))
