"""Every message has words in both languages, and speaks of facts that there are."""

import re
from string import Formatter

import pytest

from service.sending.message_texts import TEMPLATES, MessageKind, compose
from service.texts import Language, Words

CHINESE = re.compile(r"[\u4e00-\u9fff]")
FACTS = {
    "case": "UC-2025-000001",
    "ledger": "demo",
    "period": "2025-03",
    "applicant": "clerk",
    "reason": "三月盘点遗漏",
    "expedited": "!",
    "task": "T",
    "due": "D",
    "until": "U",
    "because": "B",
    "by": "li",
    "comment": "C",
    "findings": "F",
    "persons": "P",
}

ALWAYS = ("case", "ledger", "period", "applicant")


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_reason_to_tell_somebody_has_a_template() -> None:
    assert set(TEMPLATES) == set(MessageKind)


@pytest.mark.parametrize("kind", list(MessageKind))
def test_both_languages_tell_the_same_facts(kind: MessageKind) -> None:
    template = TEMPLATES[kind]
    for words in (template.title, *template.lines):
        assert names_in(words.en) == names_in(words.zh) <= set(FACTS)
        _require_own_language(words)


def _require_own_language(words: Words) -> None:
    plain = re.sub(r"\{\w+\}", "", words.en).strip()
    assert not CHINESE.search(words.en)
    assert not plain or CHINESE.search(words.zh)


@pytest.mark.parametrize("language", list(Language))
def test_what_is_not_known_leaves_its_line_out(language: Language) -> None:
    for kind in MessageKind:
        _, whole = compose(kind, FACTS, language)
        bare = {
            name: FACTS[name] if name in ("case", "ledger", "period", "applicant") else "" for name in FACTS
        }
        title, short = compose(kind, bare, language)
        assert title
        assert set(short.splitlines()) <= set(whole.splitlines())
        assert "{" not in title + short + whole


def test_what_people_write_is_told_as_they_wrote_it() -> None:
    _, text = compose(MessageKind.TASK, {**FACTS, "reason": "{case} %s {0}"}, Language.ZH)
    assert "申请原因：{case} %s {0}" in text
