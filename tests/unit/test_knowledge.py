"""The knowledge base: complete in both languages, and chosen by what somebody is about to do."""

import re

import pytest

from service.knowledge.for_tasks import STEPS
from service.knowledge.library import Kind, Need, Step, chosen, library, same
from service.problems import TABLE
from service.texts import Language
from workflows.domain.case import TaskKind
from workflows.domain.findings import CATALOGUE, Severity
from workflows.domain.ledger import Module, Verb
from workflows.domain.request import CaseState

ZH = Language.ZH


def ids(need: Need, language: Language = ZH) -> list[str]:
    return [article.id for article in chosen(need, language)]


def test_every_article_says_the_same_of_itself_in_both_languages() -> None:
    def heads(language: Language) -> list[tuple[object, ...]]:
        return [(a.id, a.version, a.kind, a.steps, a.modules, a.errors, a.erps) for a in library(language)]

    assert heads(Language.ZH) == heads(Language.EN)
    assert len(library(ZH)) >= 20


def test_chinese_articles_are_chinese_and_english_ones_are_not() -> None:
    assert all(re.search("[\u4e00-\u9fff]", article.title) for article in library(ZH))
    assert not [a.id for a in library(Language.EN) if re.search("[\u4e00-\u9fff]", a.title)]


def test_every_code_that_an_article_answers_is_a_code_of_ours() -> None:
    known = {same(problem.name) for problem in TABLE} | {same(rule.code) for rule in CATALOGUE}
    assert not {code for article in library(ZH) for code in article.answers} - known


@pytest.mark.parametrize("code", [rule.code for rule in CATALOGUE if rule.severity == Severity.BLOCKER])
def test_every_blocker_is_explained_or_needs_the_house_itself(code: str) -> None:
    of_the_house = {"no_approver", "policy_unreadable"}  # answered by whoever keeps policy and people
    assert ids(Need(errors=frozenset({same(code)}))) or code in of_the_house


@pytest.mark.parametrize("kind", TaskKind)
def test_every_kind_of_task_has_something_to_read(kind: TaskKind) -> None:
    assert ids(Need(STEPS[kind]))


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("误删的单据能恢复吗", "can-a-deleted-document-come-back"),
        ("一次反多个期间", "why-not-several-periods-at-once"),
        ("怎样避免再次反结账", "how-to-avoid-repetition"),
        ("谁应当持有反结账权限", "who-holds-the-right"),
        ("反结账有哪些限制", "limits-of-un-closing"),
        ("为什么有些单据不能改", "why-some-documents-cannot-be-changed"),
        ("怎样安全地反结账", "how-to-un-close-safely"),
    ],
)
def test_each_standing_question_has_its_answer(asked: str, answer: str) -> None:
    assert ids(Need(words=asked)) == [answer]


def test_every_word_for_un_closing_finds_the_same() -> None:
    assert (
        ids(Need(words="安全地反結帳"))
        == ids(Need(words="安全地反结帐"))
        == ids(Need(words="安全地反结账"))
        != []
    )


def test_what_answers_the_error_comes_first() -> None:
    found = ids(Need(frozenset({Step.CHECKING}), errors=frozenset({same("crosses_fiscal_year")})))
    assert found[0] == "across-a-fiscal-year"
    assert len(found) > 1


@pytest.mark.parametrize(
    "code", ["PeriodLocked", "period-locked", "period_locked", "/problems/period-locked"]
)
def test_a_code_is_found_however_it_is_written(code: str) -> None:
    assert ids(Need(errors=frozenset({same(code)}))) == ["limits-of-un-closing"]


def test_an_article_about_one_erp_and_version_is_shown_for_no_other() -> None:
    step = frozenset({Step.UNCLOSE})
    assert "k3-un-close-window" in ids(Need(step, erp="k3_wise", erp_version="15.1"))
    assert "k3-un-close-window" not in ids(Need(step, erp="tryton"))
    assert "k3-un-close-window" not in ids(Need(step, erp="k3_wise", erp_version="13.0"))


def test_an_article_about_other_modules_is_left_out() -> None:
    assert "correct-a-stock-count" not in ids(Need(frozenset({Step.CORRECTING}), module=Module.PAYABLE))


def test_a_question_nobody_has_answered_finds_nothing() -> None:
    assert ids(Need(words="火星基地")) == []
    assert ids(Need(errors=frozenset({"no-such-code"}))) == []


def test_a_step_is_any_state_of_a_case_or_verb_of_a_plan() -> None:
    assert set(map(str, Step)) == {*map(str, CaseState), *map(str, Verb)}


def test_there_is_an_article_of_every_kind() -> None:
    assert {article.kind for article in library(ZH)} == set(Kind)
