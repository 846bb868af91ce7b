"""What is noticed, how grave it is, who puts it right, and what it adds up to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_finding, a_period
from tests.strategies import findings
from workflows.domain.findings import (
    CATALOGUE,
    MAX_EVIDENCE_ROWS,
    Finding,
    FindingCode,
    Owner,
    Risk,
    Severity,
    assess,
    blockers,
    in_order,
)
from workflows.domain.ledger import Module

RISING = (Risk.LOW, Risk.MEDIUM, Risk.HIGH)

# Design §5.4, R16 to R27: without exception these stop a case before anyone is asked.
BLOCKING = {
    FindingCode.AUDIT_IN_FLIGHT,
    FindingCode.DOCUMENT_FROZEN,
    FindingCode.COUNT_NOT_ADJUSTED,
    FindingCode.GAIN_LOSS_UNAUDITED,
    FindingCode.POSTED_VOUCHERS_GL_CLOSED,
    FindingCode.REFERENCED_DOWNSTREAM,
    FindingCode.REVERSAL_ROUTE,
    FindingCode.MISSING_RIGHT,
    FindingCode.LEDGER_HELD,
    FindingCode.SESSION_STUCK,
    FindingCode.PLAN_REFUSED,
    FindingCode.NO_APPROVER,
}


def test_every_code_has_exactly_one_rule() -> None:
    assert sorted(rule.code for rule in CATALOGUE) == sorted(FindingCode)


def test_every_rule_names_a_severity_and_an_owner() -> None:
    assert all(rule.severity in Severity and rule.owner in Owner for rule in CATALOGUE)


@pytest.mark.parametrize("code", sorted(BLOCKING))
def test_what_the_design_calls_a_blocker_blocks(code: FindingCode) -> None:
    finding = a_finding(code)
    assert finding.severity is Severity.BLOCKER
    assert blockers([finding]) == (finding,)


@pytest.mark.parametrize("code", [FindingCode.BLAST_RADIUS, FindingCode.FOREIGN_SESSIONS])
def test_what_is_only_worth_knowing_blocks_nothing(code: FindingCode) -> None:
    assert a_finding(code).severity is Severity.INFO
    assert blockers([a_finding(code)]) == ()


def test_a_missing_right_is_told_before_everything_else() -> None:
    told = in_order([a_finding(rule.code) for rule in reversed(CATALOGUE)])
    assert told[0].code is FindingCode.MISSING_RIGHT


def test_the_blockers_are_told_before_the_warnings_and_these_before_the_rest() -> None:
    severities = [finding.severity for finding in in_order(a_finding(code) for code in FindingCode)]
    assert severities == sorted(severities, key=tuple(Severity).index)


@given(st.lists(findings(), max_size=6).flatmap(lambda seen: st.tuples(st.just(seen), st.permutations(seen))))
def test_the_order_of_findings_does_not_depend_on_the_order_of_the_checks(
    told: tuple[list[Finding], list[Finding]],
) -> None:
    assert in_order(told[0]) == in_order(told[1])


def test_two_findings_of_one_kind_and_place_are_told_by_what_shows_them() -> None:
    one, other = (a_finding(FindingCode.DOCUMENT_UNKNOWN, document) for document in ("IN-1", "IN-2"))
    assert in_order([other, one]) == in_order([one, other]) == (one, other)


def test_a_finding_without_a_place_can_stand_beside_one_with_a_place() -> None:
    placed = Finding(FindingCode.NEGATIVE_STOCK, module=Module.COST, period=a_period())
    bare = Finding(FindingCode.NEGATIVE_STOCK)
    assert set(in_order([placed, bare])) == {placed, bare}


def test_one_period_and_nothing_noticed_is_a_low_risk() -> None:
    assert assess([], periods_opened=1) is Risk.LOW
    assert assess([a_finding(FindingCode.BLAST_RADIUS)], periods_opened=1) is Risk.LOW


def test_a_warning_or_a_second_period_is_a_medium_risk() -> None:
    assert assess([a_finding(FindingCode.NEGATIVE_STOCK)], periods_opened=1) is Risk.MEDIUM
    assert assess([], periods_opened=2) is Risk.MEDIUM
    assert assess([], periods_opened=3) is Risk.MEDIUM


def test_more_than_three_periods_or_another_fiscal_year_is_a_high_risk() -> None:
    assert assess([], periods_opened=4) is Risk.HIGH
    assert assess([a_finding(FindingCode.CROSSES_FISCAL_YEAR)], periods_opened=1) is Risk.HIGH


@given(seen=st.lists(findings(), max_size=4), more=findings(), periods=st.integers(0, 6))
def test_the_risk_never_falls_when_more_is_noticed_or_opened(
    seen: list[Finding], more: Finding, periods: int
) -> None:
    risk = RISING.index(assess(seen, periods))
    assert RISING.index(assess([*seen, more], periods)) >= risk
    assert RISING.index(assess(seen, periods + 1)) >= risk


def test_a_finding_counts_more_than_it_shows() -> None:
    shown = a_finding(FindingCode.NEGATIVE_STOCK, *(f"ITEM-{n}" for n in range(MAX_EVIDENCE_ROWS)))
    assert shown.count == MAX_EVIDENCE_ROWS == len(shown.rows)
    assert shown.bound
