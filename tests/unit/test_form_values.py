"""Every shape a form's value comes in, bare and wrapped, full and empty (Jiandaoyun's documented types)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.jiandaoyun.values import (
    bare,
    files_of,
    is_empty,
    moment_of,
    rows_of,
    text_of,
    texts_of,
    usernames_of,
)

MEMBER = {
    "name": "李伟",
    "username": "liwei",
    "status": 1,
    "type": 0,
    "departments": [3],
    "integrate_id": "liwei",
}
FILE = {"name": "差异.xlsx", "size": 48213, "mime": "application/x", "url": "https://files.example/abc"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("库存管理", "库存管理"),  # text, textarea, sn, radiogroup, combo, lookup
        ("  库存 ", "库存"),
        (18650.5, "18650.5"),  # number
        (5.0, "5"),
        (20, "20"),  # aggregation, as a number or as a text
        ("20", "20"),
        ("2025-06-12T10:00:00.000Z", "2025-06-12T10:00:00.000Z"),  # datetime
        (["存货核算", "总账"], "存货核算、总账"),  # checkboxgroup, combocheck
        (MEMBER, "李伟"),  # user
        ([MEMBER, MEMBER], "李伟、李伟"),  # usergroup
        ({"name": "仓储部", "dept_no": 12, "type": 0, "parent_no": 1, "status": 1}, "仓储部"),  # dept
        ([{"name": "仓储部", "dept_no": 12}], "仓储部"),  # deptgroup
        ([FILE], "差异.xlsx"),  # upload, image
        (FILE, "差异.xlsx"),  # signature
        ({"id": "5b237548b22ab14884086cc0"}, "5b237548b22ab14884086cc0"),  # linkdata
        (
            {"province": "江苏省", "city": "无锡市", "district": "滨湖区", "detail": "1 号"},
            "江苏省无锡市滨湖区1 号",
        ),
        ({"province": "江苏省", "city": "无锡市", "lnglatXY": [120.3, 31.5]}, "江苏省无锡市"),  # location
        ({"phone": "13500000000", "verified": True}, "13500000000"),
        ({"html": "<p>盘点&nbsp;<b>遗漏</b></p>", "attachments": []}, "盘点\xa0 遗漏"),  # richtext
        (True, "是"),
        (None, ""),
        ("", ""),
        ([], ""),
        ({}, ""),
    ],
)
def test_a_value_is_read_as_a_person_reads_it_bare_or_wrapped(value: Any, text: str) -> None:
    assert text_of(value) == text
    assert text_of({"value": value}) == text


@pytest.mark.parametrize("value", [None, "", [], {}, {"value": None}, {"value": []}])
def test_nothing_comes_in_many_shapes(value: Any) -> None:
    assert is_empty(value)
    assert texts_of(value) == ()
    assert usernames_of(value) == ()
    assert rows_of(value) == ()


def test_what_is_wrapped_deep_inside_is_unwrapped_too() -> None:
    written = {"value": [{"_id": {"value": "1"}, "_widget_1": {"value": [{"value": 5}]}}]}
    assert bare(written) == [{"_id": "1", "_widget_1": [5]}]


def test_choices_are_read_one_by_one() -> None:
    assert texts_of(["存货核算", "", "总账"]) == ("存货核算", "总账")
    assert texts_of("总账") == ("总账",)


@pytest.mark.parametrize(
    ("member", "names"),
    [
        (MEMBER, ("liwei",)),
        ([MEMBER, {"_id": "5a1", "name": "王芳"}], ("liwei", "5a1")),  # pushes of old have no user name
        ({"_id": "5a1", "name": "王芳", "username": "wangfang"}, ("wangfang",)),
        ("liwei", ("liwei",)),
        ({"name": "王芳"}, ()),  # a name alone is not unique
    ],
)
def test_members_are_known_by_what_is_unique(member: Any, names: tuple[str, ...]) -> None:
    assert usernames_of(member) == names


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2025-05-30T16:00:00.000Z", datetime(2025, 5, 30, 16, tzinfo=UTC)),
        ("2025-05-31T00:00:00+08:00", datetime(2025, 5, 30, 16, tzinfo=UTC)),
        ("2025-05-30T16:00:00", datetime(2025, 5, 30, 16, tzinfo=UTC)),
        (1748620800000, datetime(2025, 5, 30, 16, tzinfo=UTC)),
        ("2025-05", None),
        ("2025-99-99T00:00:00Z", None),
        (True, None),
        (None, None),
    ],
)
def test_moments_are_read_in_every_form_that_is_sent(value: Any, moment: datetime | None) -> None:
    assert moment_of(value) == moment


def test_subform_rows_and_files_are_read() -> None:
    rows = rows_of([{"_id": "6849", "_widget_22": {"value": "WIN004512"}}, "no row"])
    assert [text_of(row["_widget_22"]) for row in rows] == ["WIN004512"]
    file, none, word = files_of({"value": [FILE, {"name": "no address"}, "x"]})
    assert (none.name, none.url, word.name, word.url) == ("no address", "", "x", "")
    assert (file.name, file.size, file.url) == ("差异.xlsx", 48213, "https://files.example/abc")
