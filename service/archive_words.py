"""How text is divided for the archive, alike for what is kept, what is asked and what is shown.

Chinese characters stand apart, other words whole. Width, case, accents, the traditional forms of the words
of the field, the many names of one act (R13), and 2025-05 or 2025年5月 make no difference.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_CHINESE = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IS_CHINESE = re.compile(f"[{_CHINESE}]")
_WORD = rf"[^\W_{_CHINESE}]"

_TRADITIONAL = dict(
    zip(
        "帐帳賬結記盤點庫存單據憑證總應審批備還補償說權過賬簿開關鎖財務報廢領發貨調倉訂購銷產",
        "账账账结记盘点库存单据凭证总应审批备还补偿说权过账簿开关锁财务报废领发货调仓订购销产",
        strict=True,
    )
)
"""帐 is another way to write 账 (R13); the rest are the traditional forms of words in everyday use here."""

ONE_ACT = "反结账"
"""What R13's names of un-closing are told as, in Chinese and in English."""
MONTH_END = "月末结账"

_PAIR = "·"
"""Stands before each word of a pair; part of no word."""

_SIGNS = r"[\s\-\u2010-\u2015]"
_ACT = (
    "取消月末(?:结账|记账)|取消月结|反(?:结账|结算|记账)"
    rf"|(?<!{_WORD})(?:un{_SIGNS}?|reverse{_SIGNS})clos(?:e|ed|es|ing)(?!{_WORD})"
)
_MONTH = rf"月末(?:结账|记账)|(?<!{_WORD})month{_SIGNS}?end{_SIGNS}clos(?:e|ing)(?!{_WORD})"
_PERIOD = rf"(?<!{_WORD})[0-9]{{4}} ?年 ?(?:0?[1-9]|1[0-2]) ?月(?!份? ?[0-9]{{1,2}} ?[日号])"
"""A period in words, but not a day of it."""
_NAMES = f"(?P<act>{_ACT})|(?P<month>{_MONTH})|(?P<period>{_PERIOD})"
_PLAIN = f"[{_CHINESE}]|{_WORD}+"
_UNIT = re.compile(f"{_NAMES}|{_PLAIN}")
_DIVIDES = r"(?:[^\w\n]|_)*"
_SAID_APART = re.compile(_NAMES)
_PERIOD_UNITS = re.compile("(?<![^\x00])([0-9]{4})\x00(0[1-9]|1[0-2])(?![^\x00])")

LONGEST = 100
"""Signs of a word that count; PostgreSQL takes no word of more than two thousand bytes."""


class _Folding(dict[int, str]):
    """What each sign is told as; made when a sign is first met."""

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", chr(code)).casefold())
        kept = (sign for sign in plain if unicodedata.category(sign) != "Mn")
        self[code] = folded = "".join(_TRADITIONAL.get(sign, sign) for sign in kept)
        return folded


_FOLDING = _Folding()


@dataclass(frozen=True)
class Unit:
    """One character of Chinese, or one other word, and where it stands in the folded text."""

    text: str
    start: int
    end: int

    @property
    def is_chinese(self) -> bool:
        return _IS_CHINESE.fullmatch(self.text) is not None


def folded(text: str) -> str:
    return text.translate(_FOLDING)


def origins(text: str) -> list[int]:
    """For each sign of the folded text, and for its end, where it comes from in the text."""
    return [at for at, sign in enumerate(text) for _ in _FOLDING[ord(sign)]] + [len(text)]


def units(plain: str) -> Iterator[Unit]:
    """The units of a folded text in order. What has several names is told by its first."""
    for found in _UNIT.finditer(plain):
        if found.lastgroup is None:
            yield Unit(found[0][:LONGEST], *found.span())
        else:
            yield from (Unit(said, *found.span()) for said in re.findall(_PLAIN, _first_name(found)))


def _first_name(found: re.Match[str]) -> str:
    if found["period"]:
        year, month = re.findall("[0-9]+", found[0])
        return f"{year}-{month:0>2}"
    return ONE_ACT if found["act"] else MONTH_END


def as_written(plain: str) -> list[Unit]:
    """The units with every name as it stands."""
    return [Unit(found[0][:LONGEST], *found.span()) for found in re.finditer(_PLAIN, plain)]


def names_used(plain: str) -> Iterator[str]:
    """Names as they were written, where they are not the first name."""
    for found in _SAID_APART.finditer(plain):
        if found[0] not in (ONE_ACT, MONTH_END):
            yield found[0]


def indexed(found: Sequence[Unit]) -> list[str]:
    """What is looked up: each Chinese character with the one after it, and every other word.

    Pairs find exactly what characters apart would find, and a word of two characters is then one look-up.
    """
    following = [*found[1:], None]
    return [
        unit.text + after.text if after and unit.is_chinese and after.is_chinese else unit.text
        for unit, after in zip(found, following, strict=True)
    ]


def pair_word(one: str, after: str) -> str:
    """What a unit and the one after it are told as where only pairs are known; two characters as they are."""
    are_chinese = _IS_CHINESE.match(one) and _IS_CHINESE.match(after)
    return one + after if are_chinese else f"{_PAIR}{one}{_PAIR}{after}"


def other_pairs(found: Sequence[str]) -> Iterator[str]:
    """The pairs that what is looked up (`indexed`) does not tell by itself."""
    first = [word[0] if _IS_CHINESE.match(word) else word for word in found]
    for word, one, after in zip(found, first, first[1:], strict=False):
        if word != one + after:
            yield pair_word(one, after)


@dataclass(frozen=True)
class Phrase:
    """Units that must follow each other. The last one may go on, if it is not a whole Chinese word."""

    units: tuple[Unit, ...]

    @property
    def looked_up(self) -> tuple[str, ...]:
        """What must stand in the index, one after the other."""
        wanted = indexed(self.units)
        # The last of several characters stands in the pair before; its own pair is not asked for.
        return tuple(wanted[:-1] if self._ends_in_pair else wanted)

    @property
    def is_beginning(self) -> bool:
        """Whether the last of what is looked up is only how a word, or a pair, begins."""
        return not self._ends_in_pair

    @property
    def _ends_in_pair(self) -> bool:
        return len(self.units) > 1 and self.units[-1].is_chinese and self.units[-2].is_chinese

    def pattern(self) -> re.Pattern[str]:
        """The phrase in a line of a folded text, under any of its names."""
        told = "\x00".join(unit.text for unit in self.units)
        for name, pattern in ((MONTH_END, _MONTH), (ONE_ACT, _ACT)):
            told = told.replace("\x00".join(name), f"(?:{pattern})" if pattern else "")
        told = _PERIOD_UNITS.sub(_any_period, told)
        parts = [part if part.startswith("(?:") else re.escape(part) for part in told.split("\x00")]
        first = "" if self.units[0].is_chinese else rf"(?<!{_WORD})"
        return re.compile(first + _DIVIDES.join(parts))


def _any_period(found: re.Match[str]) -> str:
    """A period by its number and in words, as a pattern."""
    year, month = found.groups()
    return f"(?:{year}{_DIVIDES}{month}|{year} ?年 ?0?{int(month)} ?月)"


def phrases(said: str) -> tuple[Phrase, ...]:
    """What a search asks for: every word between spaces is a phrase, and all must occur."""
    plain = _SAID_APART.sub(_first_name, folded(said))
    divided = (tuple(units(word)) for word in plain.split())
    return tuple(dict.fromkeys(Phrase(found) for found in divided if found))


@dataclass(frozen=True)
class Shown:
    """Part of a text, and which of its signs are what was asked for."""

    text: str
    marks: tuple[tuple[int, int], ...]
    """Pairs of the first sign and the one after the last."""


_BEFORE, _AFTER = 30, 90


def excerpt(text: str, wanted: Iterable[re.Pattern[str]]) -> Shown:
    """The text around what is asked for, which stands in it."""
    plain, came_from = folded(text), origins(text)
    found = (match.span() for pattern in wanted for match in pattern.finditer(plain))
    spans = sorted((came_from[start], _end(came_from, end)) for start, end in found)
    begin = max(0, spans[0][0] - _BEFORE)
    end = min(len(text), spans[0][1] + _AFTER)
    inside = ((start - begin, min(stop, end) - begin) for start, stop in spans if start < end)
    return Shown(text[begin:end], _apart(inside))


def _end(came_from: Sequence[int], end: int) -> int:
    """After the last sign that is meant, not before the first that is not: marks on it belong to it."""
    return came_from[end - 1] + 1


def _apart(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans that overlap are one."""
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
