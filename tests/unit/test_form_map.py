"""The map of a form's fields: read, or refused with the field named."""

from pathlib import Path

import pytest

from service.jiandaoyun.complaints import Field
from service.jiandaoyun.forms import Forms, FormsUnreadable, Result
from tests.form_stage import APP, ENTRY, FORMS


def _load(folder: Path, text: str) -> Forms:
    file = folder / "jiandaoyun.toml"
    file.write_text(text, encoding="utf-8")
    return Forms.load(file)


def test_a_whole_map_is_read(tmp_path: Path) -> None:
    forms = _load(tmp_path, FORMS)
    form = forms.find(APP, ENTRY)
    assert form is not None
    assert form.fields[Field.YEAR] == "_widget_1005"
    assert form.results[Result.MESSAGE] == "_widget_2005"
    assert forms.users["zhangmin"] == "clerk"
    assert forms.find(APP, APP) is None


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ('year = "_widget_1005"\n', "", "fields.period"),
        ('reason = "_widget_1007"', "", "fields.reason"),
        ('ledger = "_widget_1002"', "", "fields.ledger"),
        ('modules = "_widget_1004"', "", "fields.modules"),
        ('reason = "_widget_1007"', 'reason = "Widget 7"', "forms.stock.fields.reason"),
        ('reason = "_widget_1007"', 'reson = "_widget_1007"', "forms.stock.fields.reson"),
        ('message = "_widget_2005"', "", "results.message"),
        ('message = "_widget_2005"', 'message = "_widget_1007"', "results.message"),
        ('message = "_widget_2005"', 'message = "_widget_2001"', "results: two results"),
        (f'app_id = "{APP}"', 'app_id = ""', "forms.stock.app_id"),
        ("since = 2025-01-01T00:00:00+08:00", "", "forms.stock.since"),
        ("since = 2025-01-01T00:00:00+08:00", "since = 2025-01-01T00:00:00", "forms.stock.since"),
        ('api_key = "env:FAKE_KEY"', "", "api_key"),
        ("[users]", "poll = 5\n[users]", "poll"),
    ],
)
def test_a_mistake_is_refused_with_the_field_named(
    tmp_path: Path, before: str, after: str, field: str
) -> None:
    assert before in FORMS
    with pytest.raises(FormsUnreadable, match=field):
        _load(tmp_path, FORMS.replace(before, after))


def test_one_form_cannot_be_mapped_twice(tmp_path: Path) -> None:
    again = FORMS[FORMS.index("[forms.stock]") :].replace("forms.stock", "forms.again")
    with pytest.raises(FormsUnreadable, match=r"forms\.stock\.entry_id: another form has the same ids"):
        _load(tmp_path, FORMS + again)


@pytest.mark.parametrize("text", ["", "no toml", "[forms]"])
def test_a_file_without_forms_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FormsUnreadable):
        _load(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormsUnreadable, match=r"nowhere\.toml"):
        Forms.load(tmp_path / "nowhere.toml")
