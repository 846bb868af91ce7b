"""Which characters the report's fonts can show, read from the fonts, and what stands for the rest."""

import struct
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FONTS = Path(__file__).parent / "fonts"

_ZERO_WIDTH = "\u200b"
"""Where a line may be broken although there is no space."""
_LONG = 12
"""Letters in a row that may be longer than a column is wide."""
_AFTER = frozenset("-/_.:,;@=|")
"""A long word is rather broken after one of these."""


class Glyphs:
    """The characters of one font, as ranges."""

    def __init__(self, font: bytes) -> None:
        ranges = sorted(set(_ranges(font)))
        self._starts, self._ends = [start for start, _ in ranges], [end for _, end in ranges]

    def __contains__(self, character: str) -> bool:
        at = bisect_right(self._starts, ord(character)) - 1
        return at >= 0 and ord(character) <= self._ends[at]


@cache
def shipped() -> Glyphs:
    return Glyphs((FONTS / "NotoSansSC-Regular.ttf").read_bytes())


def showable(text: str, glyphs: Glyphs) -> str:
    """The text with a code point, as `[U+20BB7]`, for everything that would be an empty box or be invisible.

    Marks that turn the direction of writing are among those: what is read must be what is on record.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character, glyphs) for character in unicodedata.normalize("NFC", text))


def _shown(character: str, glyphs: Glyphs) -> str:
    if character in "\n ":
        return character
    if character == "\t":
        return " "
    if character.isprintable() and character in glyphs and not unicodedata.combining(character):
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return f"[U+{ord(character):04X}]"


def breakable(text: str) -> str:
    """The text with places to break words that are longer than a narrow column: digests, paths, numbers."""
    return " ".join(map(_broken, text.split(" ")))


def _broken(word: str) -> str:
    if len(word) < _LONG:
        return word
    made: list[str] = []
    run = 0
    for character in word:
        if run >= _LONG and character not in _AFTER:
            made.append(_ZERO_WIDTH)
        made.append(character)
        # Between wide characters lines break by themselves, and not before those that may not begin one.
        run = 0 if character in _AFTER or unicodedata.east_asian_width(character) in "WF" else run + 1
        if character in _AFTER:
            made.append(_ZERO_WIDTH)
    return "".join(made)


# --------------------------------------------------------------------------- table `cmap` of a font


def _ranges(font: bytes) -> Iterator[tuple[int, int]]:
    """The ranges of code points that have a glyph (OpenType, `cmap` formats 4 and 12)."""
    start = _table(font, b"cmap")
    (count,) = struct.unpack_from(">H", font, start + 2)
    for n in range(count):
        (offset,) = struct.unpack_from(">I", font, start + 4 + 8 * n + 4)
        (form,) = struct.unpack_from(">H", font, start + offset)
        if form == 12:
            yield from _groups(font, start + offset)
        elif form == 4:
            yield from _segments(font, start + offset)


def _table(font: bytes, name: bytes) -> int:
    (count,) = struct.unpack_from(">H", font, 4)
    for n in range(count):
        tag, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * n)
        if tag == name:
            return int(offset)
    raise ValueError(f"the font has no table {name.decode()}")


def _groups(font: bytes, at: int) -> Iterator[tuple[int, int]]:
    (count,) = struct.unpack_from(">I", font, at + 12)
    for n in range(count):
        first, last, _ = struct.unpack_from(">III", font, at + 16 + 12 * n)
        yield first, last


def _segments(font: bytes, at: int) -> Iterator[tuple[int, int]]:
    (doubled,) = struct.unpack_from(">H", font, at + 6)
    count = doubled // 2
    ends = struct.unpack_from(f">{count}H", font, at + 14)
    starts = struct.unpack_from(f">{count}H", font, at + 16 + doubled)
    yield from (pair for pair in zip(starts, ends, strict=True) if pair != (0xFFFF, 0xFFFF))
