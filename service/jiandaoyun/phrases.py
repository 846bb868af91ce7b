"""How free Chinese text is evened out before it is read: widths, numerals, and the many names of one act."""

import re
import unicodedata

UNCLOSE_NAMES = (
    "反结账",
    "反结帐",
    "反结算",
    "反记账",
    "反记帐",
    "反結帳",
    "取消月结",
    "取消月末结帐",
    "取消月末结账",
    "取消月末记帐",
    "取消月末记账",
)
"""One act under many names (R13)."""

_UNCLOSE = re.compile("|".join(sorted(UNCLOSE_NAMES, key=len, reverse=True)))
_DIGITS = {sign: str(value) for value, signs in enumerate(("〇零", *"一二三四五六七八九")) for sign in signs}
_NUMERAL = re.compile("[〇零一二三四五六七八九十]+(?=[年月期])")


def even(text: str) -> str:
    """The text in ordinary width, in small letters, without spaces."""
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def names_unclose(text: str) -> bool:
    """Whether the text names the act of un-closing, by any of its names."""
    return _UNCLOSE.search(even(text)) is not None


def without_act(text: str) -> str:
    """The text without the name of the act: 库存反记帐 speaks of 库存."""
    return _UNCLOSE.sub("", text)


def with_digits(text: str) -> str:
    """Chinese numerals before 年, 月 and 期 in digits: 二〇二五年十二月 is 2025年12月."""
    return _NUMERAL.sub(lambda found: _as_digits(found[0]), text)


def _as_digits(numeral: str) -> str:
    if "十" not in numeral:
        return "".join(_DIGITS[sign] for sign in numeral)
    tens, _, ones = numeral.partition("十")
    if any(len(part) > 1 or part == "十" for part in (tens, ones)):
        return numeral
    return f"{_DIGITS[tens] if tens else '1'}{_DIGITS[ones] if ones else '0'}"
