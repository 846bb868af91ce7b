"""A form record becomes a wish and its applicant, or the whole list of what is wrong with it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.jiandaoyun.complaints import told
from service.jiandaoyun.forms import Forms
from service.jiandaoyun.reading import Asked, Objections, RecordReader
from service.ledger_book import LedgerBook
from service.texts import Language
from tests.form_stage import FORMS, LEDGERS, RECORD
from workflows.domain.request import Intent

NOW = datetime(2025, 6, 11, 10, tzinfo=UTC)
CREATOR = {"name": "张敏", "username": "zhangmin"}
ONE_FIELD = FORMS.replace('year = "_widget_1005"\nperiod_number = "_widget_1006"', 'period = "_widget_1005"')


def _read(folder: Path, text: str = FORMS, **changes: Any) -> Asked:
    (folder / "ledgers.toml").write_text(LEDGERS, encoding="utf-8")
    (folder / "jiandaoyun.toml").write_text(text, encoding="utf-8")
    forms = Forms.load(folder / "jiandaoyun.toml")
    reader = RecordReader(LedgerBook.load(folder / "ledgers.toml"), forms.users)
    record: Mapping[str, Any] = {**RECORD, "creator": CREATOR, **changes}
    return reader.read(forms.forms[0], record, "jiandaoyun:a/b/c", NOW)


def _complaints(folder: Path, text: str = FORMS, **changes: Any) -> str:
    with pytest.raises(Objections) as refused:
        _read(folder, text, **changes)
    return told(refused.value.complaints, Language.ZH)


def test_a_record_is_read_whole(tmp_path: Path) -> None:
    asked = _read(tmp_path, _widget_1012=[{"name": "李伟", "username": "liwei"}], _widget_1008="紧急")
    wish = asked.wish
    assert (asked.applicant, wish.ledger, wish.target_period, wish.modules) == (
        "clerk",
        "demo",
        "2025-05",
        ("inventory",),
    )
    assert (wish.reason_code, wish.expedited, wish.correctors) == ("stocktake_omission", True, ("warehouse",))
    (line,) = wish.scope
    assert (line.document, line.intent, line.note) == ("WIN004512", Intent.CORRECT, "外购入库")


def test_what_is_wrapped_is_read_alike(tmp_path: Path) -> None:
    wrapped: dict[str, Any] = {
        name: {"value": value} for name, value in RECORD.items() if name.startswith("_widget")
    }
    assert _read(tmp_path, FORMS, **wrapped) == _read(tmp_path)


@pytest.mark.parametrize(
    ("said", "period"),
    [
        ("2025-05-31T15:30:00.000Z", "2025-05"),  # 31 May 23:30 in China
        ("2025-05-31T16:30:00.000Z", "2025-06"),
        ("2025年5月", "2025-05"),
        ("上月", "2025-05"),
        (202505, "2025-05"),
    ],
)
def test_a_period_in_one_field_may_be_a_date_or_words(tmp_path: Path, said: object, period: str) -> None:
    assert _read(tmp_path, ONE_FIELD, _widget_1005=said).wish.target_period == period


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    said = _complaints(
        tmp_path,
        creator={"name": "路人", "username": "someone"},
        _widget_1002="没有的厂",
        _widget_1004=["往来"],
        _widget_1007="",
        _widget_1008="看情况",
        _widget_1012=[{"name": "外人", "username": "stranger"}],
    )
    for part in (
        "【提交人】“路人”",
        "【账套】",
        "制造一厂",
        "应收或应付",
        "请填写需要反结账的原因",
        "stranger",
        "“是”或“否”",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"_widget_1005": None}, "四位年度"),
        ({"_widget_1004": []}, "至少填写一个"),
        ({"_widget_1007": "盘点遗漏" * 600}, "超出允许的长度"),
        ({"_widget_1012": [{"name": "王芳"}]}, "【更正人】“王芳”"),
        ({"_widget_1013": [{"_widget_1022": "", "_widget_1021": "外购入库"}]}, "“外购入库”此行缺少单据编号"),
        ({"_widget_1013": "WIN004512"}, "“WIN004512”请在单据子表单中逐行填写"),
        ({"_widget_1013": ["WIN004512"]}, "“WIN004512”请在单据子表单中逐行填写"),
        ({"_widget_1013": [{"_widget_1022": f"IN-{n}"} for n in range(501)]}, "超出允许的长度"),
    ],
)
def test_what_is_missing_or_too_long_is_told(tmp_path: Path, changes: dict[str, Any], part: str) -> None:
    assert part in _complaints(tmp_path, **changes)


@pytest.mark.parametrize("number", [2025.1, {"value": 2025.12}])
def test_a_period_as_a_number_with_a_fraction_is_refused(tmp_path: Path, number: object) -> None:
    assert "“2025年5月”或“202505”" in _complaints(tmp_path, ONE_FIELD, _widget_1005=number)


def test_a_form_for_several_acts_takes_any_name_of_this_one(tmp_path: Path) -> None:
    several = FORMS.replace('reason = "_widget_1007"', 'reason = "_widget_1007"\nact = "_widget_1001"')
    assert _read(tmp_path, several, _widget_1001="库存反记帐").applicant == "clerk"
    assert "只受理反结账" in _complaints(tmp_path, several, _widget_1001="月末结账")


def test_empty_rows_of_a_subform_say_nothing(tmp_path: Path) -> None:
    assert _read(tmp_path, _widget_1013=[{"_widget_1022": ""}, {"_id": "x"}]).wish.scope == ()
