"""No empty boxes: what the fonts cannot show is written as its code point, and nothing hides."""

import pytest

from activities.report.glyphs import FONTS, Glyphs, breakable, shipped, showable


def test_both_weights_show_the_same_characters() -> None:
    regular, bold = (
        Glyphs((FONTS / f"NotoSansSC-{weight}.ttf").read_bytes()) for weight in ("Regular", "Bold")
    )
    assert all((chr(point) in regular) == (chr(point) in bold) for point in range(0x20, 0x30000))


def test_every_character_of_gbk_can_be_shown() -> None:
    codes = (bytes((high, low)) for high in range(0x81, 0xFF) for low in range(0x40, 0xFF))
    texts = (code.decode("gbk", errors="ignore") for code in codes)
    ideographs = {c for text in texts for c in text if "\u4e00" <= c <= "\u9fff"}
    assert len(ideographs) > 20_000
    assert not {c for c in ideographs if c not in shipped()}


@pytest.mark.parametrize("plain", ["反结账 UC-2025-000001 é → ✓ ● 䶮", "a\nb"])
def test_what_the_fonts_can_show_stays_as_it_is(plain: str) -> None:
    assert showable(plain, shipped()) == plain


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\U0001f600", "[U+1F600]"),
        ("李\u202e四", "李[U+202E]四"),
        ("a\u200bb", "a[U+200B]b"),
        ("한", "[U+D55C]"),
        ("\x07", "[U+0007]"),
        ("e\u0301", "é"),
        ("宽\u3000空", "宽 空"),
    ],
)
def test_what_they_cannot_show_is_named_by_its_code_point(given: str, shown: str) -> None:
    assert showable(given, shipped()) == shown


def test_a_long_word_can_be_broken_anywhere_and_a_short_one_nowhere() -> None:
    broken = breakable("f" * 64 + " 三月 IN-2025-03-0007 short-1")
    words = broken.split(" ")
    assert max(map(len, words[0].split("\u200b"))) == 12
    assert words[2] == "IN-\u200b2025-\u200b03-\u200b0007"
    assert words[3] == "short-1"
    assert broken.replace("\u200b", "") == "f" * 64 + " 三月 IN-2025-03-0007 short-1"


def test_chinese_is_left_to_the_rules_by_which_it_breaks() -> None:
    """A place to break before a full stop would let a line begin with it."""
    sentence = "供参考：将被打开的期间、模块与单据数量。"
    assert breakable(sentence) == sentence
    assert "\u200b" in breakable(sentence + "f" * 64)
