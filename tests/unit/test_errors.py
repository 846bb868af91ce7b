"""Every error says one sentence made of its facts, and the tree in the docstring is the tree in the code."""

import re
from dataclasses import fields
from string import Formatter
from types import UnionType
from typing import get_origin, get_type_hints

import pytest

from workflows.domain import errors
from workflows.domain.errors import (
    Conflict,
    Forbidden,
    Hidden,
    LedgerRefused,
    Malformed,
    PeriodNotClosed,
    Refused,
    SessionsRemain,
    TooSoon,
    Unavailable,
    UncloseError,
    every_error,
)

CONCRETE = every_error()
FAMILIES = (Hidden, Forbidden, Malformed, Conflict, TooSoon, Unavailable)


def an_example(cls: type[UncloseError]) -> UncloseError:
    """One error of the class, each fact of it recognisable in a sentence."""
    hints = get_type_hints(cls)
    return cls(**{field.name: a_fact(field.name, hints[field.name]) for field in fields(cls)})


def a_fact(name: str, kind: object) -> object:
    assert not isinstance(kind, UnionType), f"{name}: an optional fact leaves a hole in the sentence"
    if get_origin(kind) is tuple:
        return (f"<{name}-1>", f"<{name}-2>")
    return 4711 if kind is int else f"<{name}>"


def drawn() -> dict[str, str]:
    """Name of every concrete error in the drawing, with the family it stands under."""
    family = ""
    under: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if not re.search(r"[├└│]", line) and "NotAnOperator" not in line:
            continue
        names = re.findall(r"\b[A-Z]\w+", line)
        if names and names[0] in {"Refused", *(cls.__name__ for cls in FAMILIES)}:
            family = names[0]
        else:
            under |= dict.fromkeys(names, family)
    return under


@pytest.mark.parametrize("cls", CONCRETE)
def test_the_sentence_is_made_of_the_facts(cls: type[UncloseError]) -> None:
    used = {name for _, name, _, _ in Formatter().parse(cls.sentence) if name}
    assert used == {field.name for field in fields(cls)}


@pytest.mark.parametrize("cls", CONCRETE)
def test_the_error_says_its_facts_and_leaves_no_gap(cls: type[UncloseError]) -> None:
    error = an_example(cls)
    said = str(error)
    assert "{" not in said
    assert "}" not in said
    assert all(fact in said for fact in error.facts.values())
    assert said[-1] in ".>"
    assert "\n" not in said


@pytest.mark.parametrize("cls", CONCRETE)
def test_the_facts_are_text_by_name(cls: type[UncloseError]) -> None:
    facts = an_example(cls).facts
    assert list(facts) == [field.name for field in fields(cls)]
    assert all(type(fact) is str for fact in facts.values())


@pytest.mark.parametrize("cls", CONCRETE)
def test_every_error_belongs_to_one_family(cls: type[UncloseError]) -> None:
    assert sum(issubclass(cls, family) for family in FAMILIES) == 1


@pytest.mark.parametrize("cls", CONCRETE)
def test_every_error_has_a_sentence_of_its_own(cls: type[UncloseError]) -> None:
    assert cls.sentence != UncloseError.sentence
    assert sum(cls.sentence == other.sentence for other in CONCRETE) == 1


def test_what_the_rules_refuse_is_told_from_what_did_not_answer() -> None:
    assert not issubclass(Unavailable, Refused)
    assert all(issubclass(family, Refused) for family in FAMILIES if family is not Unavailable)


def test_every_concrete_error_is_listed_once_in_a_stable_order() -> None:
    assert len(set(CONCRETE)) == len(CONCRETE)
    assert every_error() == CONCRETE
    assert not {Refused, UncloseError, *FAMILIES} & set(CONCRETE)
    defined = {
        cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, UncloseError)
    }
    assert defined - {Refused, UncloseError, *FAMILIES} == set(CONCRETE)


def test_names_are_unique_so_that_an_error_is_found_again_by_its_name() -> None:
    assert len({cls.__name__ for cls in CONCRETE}) == len(CONCRETE)


def test_the_tree_in_the_docstring_names_every_error_and_no_other() -> None:
    assert set(drawn()) == {cls.__name__ for cls in CONCRETE}


@pytest.mark.parametrize("cls", CONCRETE)
def test_every_error_is_drawn_under_its_family(cls: type[UncloseError]) -> None:
    family = getattr(errors, drawn()[cls.__name__])
    assert issubclass(cls, family)


def test_an_error_reads_as_one_english_sentence() -> None:
    error = PeriodNotClosed("inventory", "2025-06", "2025-06")
    assert str(error) == "2025-06 is not closed in inventory: its current period is 2025-06."


def test_several_things_are_told_one_after_the_other() -> None:
    assert str(SessionsRemain("demo", ("wang", "wu"))).endswith("ledger demo: wang, wu.")


def test_a_fact_with_braces_is_told_as_it_is() -> None:
    assert str(LedgerRefused("demo", "{ledger} 已锁定 {}")) == "The ledger demo refused: {ledger} 已锁定 {}."


def test_two_errors_with_the_same_facts_are_not_the_same_error() -> None:
    assert LedgerRefused("demo", "locked") != LedgerRefused("demo", "locked")
