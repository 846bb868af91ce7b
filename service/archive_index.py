"""Puts the text of a case where it is found: in pieces that both databases can look through alike."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, cast, delete, insert
from sqlalchemy.dialects.postgresql import TSVECTOR

from service.archive_tables import archive_pieces
from service.archive_text import Line, Where
from service.archive_words import LONGEST, as_written, folded, indexed, names_used, other_pairs, units

PIECES = 1024
"""How many pieces a case has at most; what stands after them is kept and not found."""

# PostgreSQL knows positions up to 16,383, and 255 of any one word: what stands further cannot be part of a
# phrase. A piece ends before either.
_POSITIONS, _REPEATS = 16_000, 250
_BYTES = 200_000
"""PostgreSQL keeps a piece's words, each of them alone and in a pair, in one value of at most a mebibyte."""
_LONG = 1_000
"""Signs of a line that stand together; the next part repeats the end of the one before."""
_OVERLAP = 250

assert _OVERLAP > 2 * LONGEST


@dataclass
class Piece:
    """Lines that are indexed together."""

    lines: list[Line] = field(default_factory=list)
    words: list[list[str]] = field(default_factory=list)
    _count: Counter[str] = field(default_factory=Counter)
    _positions: int = 0
    _bytes: int = 0

    def takes(self, words: Sequence[str]) -> bool:
        """Whether there is room; a piece without lines takes any."""
        if not self.lines:
            return True
        if self._positions + len(words) + 1 > _POSITIONS or self._bytes + _bytes(words) > _BYTES:
            return False
        return all(self._count[word] + times <= _REPEATS for word, times in Counter(words).items())

    def add(self, line: Line, words: list[str]) -> None:
        self.lines.append(line)
        self.words.append(words)
        self._count.update(words)
        self._positions += len(words) + 1
        self._bytes += _bytes(words)

    @property
    def told(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def places(self) -> str:
        return " ".join(line.where for line in self.lines)


def _bytes(words: Iterable[str]) -> int:
    return sum(len(word.encode()) for word in words)


def cut(lines: Iterable[Line]) -> list[Piece]:
    """The lines in as few pieces as they fit in."""
    pieces = [Piece()]
    for line, words in _divided(lines):
        if not pieces[-1].takes(words):
            pieces.append(Piece())
        pieces[-1].add(line, words)
    return pieces[:PIECES]


def _divided(lines: Iterable[Line]) -> Iterator[tuple[Line, list[str]]]:
    used: dict[str, None] = {}
    for line in lines:
        for part in _parts(line.text):
            plain = folded(part)
            used.update(dict.fromkeys(names_used(plain)))
            yield Line(line.where, part), indexed(list(units(plain)))
    # A name that is told by another must still be found by a part of it: 记账 in 反记账.
    for name in used:
        yield Line(Where.NAMES, name), indexed(as_written(name))


def _parts(text: str) -> Iterator[str]:
    """A long line in parts that overlap by more than a search is long."""
    yield text[:_LONG]
    yield from (text[at - _OVERLAP : at + _LONG] for at in range(_LONG, len(text), _LONG))


def replace_pieces(connection: Connection, case_n: int, pieces: Sequence[Piece]) -> None:
    """From now on the case is found by these."""
    connection.execute(delete(archive_pieces).where(archive_pieces.c.case_n == case_n))
    for k, piece in enumerate(pieces):
        row = {
            "n": case_n * PIECES + k,
            "case_n": case_n,
            "big": len(pieces) > 1,
            "told": piece.told,
            "plain": folded(piece.told),
            "places": piece.places,
        }
        if connection.dialect.name == "sqlite":
            connection.execute(insert(archive_pieces).values(**row, words=_as_text(piece.words)))
        else:
            vector = cast(_as_vector(piece.words), TSVECTOR)
            connection.execute(insert(archive_pieces).values(**row, words=vector))


def _as_text(lines: Iterable[Sequence[str]]) -> str:
    """For SQLite's index, which divides at spaces. The sign between two lines is part of no phrase."""
    return f" {_BORDER} ".join(" ".join(words) for words in lines)


_BORDER = "¶"


def _as_vector(lines: Iterable[Sequence[str]]) -> str:
    """For PostgreSQL, with our own positions: its parser would divide otherwise than SQLite does.

    Its index knows no positions. Pairs are in it as words of their own, so that it can tell nearly alone
    whether words follow each other.
    """
    where: dict[str, list[int]] = {}
    pairs: dict[str, None] = {}
    position = 0
    for words in lines:
        for word in words:
            position += 1
            where.setdefault(word, []).append(position)
        position += 1
        pairs.update(dict.fromkeys(other_pairs(words)))
    placed = (f"'{word}':{','.join(map(str, at))}" for word, at in where.items())
    return " ".join((*placed, *(f"'{pair}'" for pair in pairs)))
