"""How the archive divides text: what is one word to it, and where it stands."""

import pytest

from service.archive_index import PIECES, cut
from service.archive_text import Line, Where, texts_in
from service.archive_words import excerpt, folded, indexed, other_pairs, phrases, units

NAMES = (
    *("反结账", "反结帐", "反结算", "反记账", "反记帐", "反結帳", "反記帳"),
    *("取消月结", "取消月末结帐", "取消月末记帐", "取消月末结账"),
    *("un-close", "Unclose", "UN-CLOSING", "unclosed", "ｕｎ－ｃｌｏｓｅ"),
)


def words(text: str) -> list[str]:
    return [unit.text for unit in units(folded(text))]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_act_is_one_word(name: str) -> None:
    assert words(f"请{name}。") == ["请", "反", "结", "账"]


@pytest.mark.parametrize("name", ["月末结账", "月末记账", "月末结帐", "月末记帳", "month-end close"])
def test_both_names_of_the_month_end_are_one(name: str) -> None:
    assert words(name) == ["月", "末", "结", "账"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Ｋ３　ＷＩＳＥ", ["k3", "wise"]),
        ("Café", ["cafe"]),
        ("Cafe\u0301", ["cafe"]),
        ("盤點 庫存", ["盘", "点", "库", "存"]),
        ("IN-2025-03-0007", ["in", "2025", "03", "0007"]),
        ("数量_少录", ["数", "量", "少", "录"]),
        ("disclose", ["disclose"]),
        ("unclosest", ["unclosest"]),
        ("Straße ﬁne", ["strasse", "fine"]),
        ("２０２５年５月", ["2025", "05"]),
        ("2025 年 12 月份", ["2025", "12", "份"]),
        ("2025年5月3日", ["2025", "年", "5", "月", "3", "日"]),
        ("12025年5月", ["12025", "年", "5", "月"]),
        ("2025年13月", ["2025", "年", "13", "月"]),
    ],
)
def test_width_case_accents_and_forms_make_no_difference(text: str, told: list[str]) -> None:
    assert words(text) == told


def test_a_chinese_character_is_looked_up_with_the_one_after_it() -> None:
    assert indexed(list(units("盘点，遗漏3处"))) == ["盘点", "点遗", "遗漏", "漏", "3", "处"]


@pytest.mark.parametrize(
    ("said", "looked_up", "is_beginning"),
    [
        ("盘点", ("盘点",), False),
        ("盘", ("盘",), True),
        ("盘点遗漏", ("盘点", "点遗", "遗漏"), False),
        ("K3盘点", ("k3", "盘点"), False),
        ("盘点3月", ("盘点", "点", "3", "月"), True),
        ("IN-2025", ("in", "2025"), True),
    ],
)
def test_a_phrase_is_looked_up_so(said: str, looked_up: tuple[str, ...], is_beginning: bool) -> None:
    (phrase,) = phrases(said)
    assert (phrase.looked_up, phrase.is_beginning) == (looked_up, is_beginning)


def test_a_search_that_says_nothing_asks_for_nothing() -> None:
    assert phrases(" ， -- ＿ ") == ()


@pytest.mark.parametrize(
    ("said", "text", "marked"),
    [
        ("反结账", "请尽快反記帳，谢谢", ["反記帳"]),
        ("in-2025", "单据ＩＮ－２０２５－０３已更正", ["ＩＮ－２０２５"]),
        ("盘点遗漏", "盘点，遗漏两处", ["盘点，遗漏"]),
        ("cafe", "the café depot", ["café"]),
        ("盘点 同意", "同意：盘点表无误", ["同意", "盘点"]),
        ("月末结账", "请做月末记帐", ["月末记帐"]),
        ("反结账申请", "取消月结申请", ["取消月结申请"]),
        ("2025-05", "请打开２０２５年５月", ["２０２５年５月"]),
        ("2025年5月", "demo 2025-05", ["2025-05"]),
        ("5月", "请打开2025年5月", ["5月"]),
    ],
)
def test_what_was_asked_for_is_marked_as_it_was_written(said: str, text: str, marked: list[str]) -> None:
    shown = excerpt(text, [phrase.pattern() for phrase in phrases(said)])
    assert [shown.text[start:end] for start, end in shown.marks] == marked


def test_an_excerpt_of_a_long_text_is_short_and_holds_what_was_asked_for() -> None:
    shown = excerpt("前" * 500 + "盘点" + "后" * 500, [phrase.pattern() for phrase in phrases("盘点")])
    assert len(shown.text) < 130
    assert [shown.text[start:end] for start, end in shown.marks] == ["盘点"]


# --------------------------------------------------------------------------- pieces


def line(text: str) -> Line:
    return Line(Where.TEXT, text)


def test_a_usual_case_is_one_piece() -> None:
    assert len(cut([line(f"IN-{n} 数量少录") for n in range(200)])) == 1


def test_no_piece_holds_more_than_postgresql_can_count() -> None:
    pieces = cut([line(f"单据 IN-2025-{n:05d} 数量 {n} 已由仓库更正并复核") for n in range(1_500)])
    assert 1 < len(pieces) < PIECES
    for piece in pieces:
        told = [word for words in piece.words for word in words]
        assert len(told) + len(piece.words) < 16_383
        assert max(map(told.count, set(told[:50]))) < 256
    assert sum(len(piece.lines) for piece in pieces) == 1_500


def test_what_a_search_can_say_stands_whole_in_one_part_of_a_long_line() -> None:
    text = "".join(chr(0x4E00 + n % 5_000) for n in range(3_000))
    parts = [part.text for piece in cut([line(text)]) for part in piece.lines]
    assert all(any(text[at : at + 200] in part for part in parts) for at in range(0, 2_800, 7))


def test_a_name_that_is_told_by_another_is_still_found_by_a_part_of_it() -> None:
    (piece,) = cut([line("请取消月结")])
    assert ["取消", "消月", "月结", "结"] in piece.words


def test_a_piece_of_long_words_stays_small_enough_for_postgresql() -> None:
    pieces = cut(
        [line("".join(chr(0x4E00 + (n * 97 + k * 31) % 20_000) for k in range(900))) for n in range(90)]
    )
    assert len(pieces) > 1
    assert all(sum(len(w.encode()) for words in piece.words for w in words) <= 200_000 for piece in pieces)


def test_what_cannot_be_told_by_single_words_is_told_by_pairs() -> None:
    assert list(other_pairs(indexed(list(units("k3盘点表5月 in-2025"))))) == [
        "·k3·盘", "·表·5", "·5·月", "·月·in", "·in·2025",
    ]  # fmt: skip


def test_a_document_says_one_text_for_each_of_its_objects() -> None:
    said = {"number": "IN-1", "at": "2025-06-01T08:00:00Z", "ok": True, "qty": 20, "fields": [{"was": "3"}]}
    assert list(texts_in(said)) == ["IN-1 20", "3"]
