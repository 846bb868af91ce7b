"""CEL rules: yes, no, or an error that counts as neither."""

from dataclasses import replace

import pytest

from activities.policy_rules import MAX_LENGTH, RuleUnreadable, holds, judge, try_rule
from tests.builders import a_finding, a_plan, a_policy, a_request
from workflows.domain.approval import Group
from workflows.domain.digest import Json
from workflows.domain.findings import FindingCode, Risk
from workflows.domain.policy import DEFAULT_POLICY, EXTRA_RULES, Level, Rule, one_of
from workflows.domain.policy_facts import EXAMPLE, policy_facts

MANY = "[" + ",".join("0" * 60) + "]"


def facts(**changes: Json) -> dict[str, Json]:
    return {**EXAMPLE, **changes}


def judged(expression: str, **changes: Json) -> bool:
    return holds(Rule("rule", expression), facts(**changes))


def shape(value: Json) -> object:
    return {name: shape(part) for name, part in value.items()} if isinstance(value, dict) else type(value)


def test_the_facts_of_a_case_have_the_shape_that_rules_are_tried_on() -> None:
    case = policy_facts(a_request(), a_plan(), False, [a_finding()], Risk.LOW)
    assert shape(case) == shape(EXAMPLE)


def test_facts_say_what_is_asked_planned_and_found() -> None:
    case = policy_facts(
        a_request(expedited=True, vendor_ticket="T-1"), a_plan(), True, [a_finding(), a_finding()], Risk.HIGH
    )
    assert (case["risk"], case["request"]["expedited"], case["request"]["has_vendor_ticket"]) == (  # type: ignore[index, call-overload]
        "high", True, True,
    )  # fmt: skip
    assert case["plan"]["periods"] == 3  # type: ignore[index, call-overload]
    assert case["plan"]["crosses_fiscal_year"] is True  # type: ignore[index, call-overload]
    assert case["findings"]["codes"] == [FindingCode.NEGATIVE_STOCK]  # type: ignore[index, call-overload]


@pytest.mark.parametrize("rule", EXTRA_RULES, ids=lambda rule: rule.name)
def test_each_default_rule_holds_where_it_should_and_not_on_the_example(rule: Rule) -> None:
    risky = {
        "crosses_fiscal_year": {"plan": {"periods": 1, "crosses_fiscal_year": True}},
        "several_periods": {"plan": {"periods": 2, "crosses_fiscal_year": False}},
        "posted_vouchers": {"findings": {"codes": ["posted_vouchers"]}},
        "high_risk": {"risk": "high"},
    }[rule.name]
    assert not holds(rule, EXAMPLE)
    assert holds(rule, facts(**risky))  # type: ignore[arg-type]


def test_a_level_without_rules_is_asked_and_one_whose_rules_do_not_hold_is_not() -> None:
    assert judge(DEFAULT_POLICY, EXAMPLE) == ((), (), (), None)
    assert judge(DEFAULT_POLICY, facts(risk="high"))[3] == ("high_risk",)


def test_one_rule_that_cannot_be_judged_stops_all_even_if_another_holds() -> None:
    rules = (Rule("yes", "true"), Rule("broken", "plan.nothing"))
    level = Level("it", one_of(Group.IT), when=rules)
    with pytest.raises(RuleUnreadable) as refused:
        judge(a_policy(level), EXAMPLE)
    assert (refused.value.where, refused.value.reason) == (
        "it.when.broken",
        "there is no 'nothing' to ask about",
    )
    assert judge(a_policy(replace(level, when=rules[:1])), EXAMPLE) == (("yes",),)


@pytest.mark.parametrize(
    "expression",
    [
        "", " ", "plan.periods >", "while == 1", "'open",
        "(" * 400 + "true" + ")" * 400, "[" * 450 + "]" * 450,
        "plan", "plan.periods", "risk", "null", "1", "'true'", "[true]",
        "plan.nothing > 1", "nothing", "plan.periods.nothing", "risk.nothing", "request.modules[9] == 'gl'",
        "request.modules[-1] == 'gl'", "risk > 3", "1 in 2", "foo(1)", "risk.matches('(')",
        "1 / 0 == 1", "1 % 0 == 1", "9223372036854775807 + 1 > 0", "int('x') == 1", "int(1e300) > 0",
        "uint(-1) > 0u", "timestamp('x') > timestamp('y')", "duration('x') > duration('1s')",
        "plan.nothing || false", "plan.nothing && true", "true && plan.periods", "plan.nothing ? true : true",
        "[1].all(1, true)", "!plan.nothing", "has(plan)",
    ],
)  # fmt: skip
def test_an_error_is_never_a_yes_and_never_a_no(expression: str) -> None:
    with pytest.raises(RuleUnreadable):
        try_rule(Rule("rule", expression))


def test_what_was_short_cut_on_the_example_is_an_error_once_it_is_asked() -> None:
    assert not judged("risk == 'high' && plan.nothing > 1")
    with pytest.raises(RuleUnreadable):
        judged("risk == 'high' && plan.nothing > 1", risk="high")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("true" + " " * MAX_LENGTH, "longer"),
        (f"{MANY}.all(a, {MANY}.all(b, {MANY}.all(c, true)))", "loops"),
        (f"{MANY}.exists(a, {MANY}.existsOne(b, {MANY}.exists_one(c, true)))", "loops"),
        (f"{MANY}.map(a, {MANY}). // there\n filter (b, true).map(c, {MANY}).size() > 0", "loops"),
        ("[[1]].map(x, x + x).map(x, x + x).map(x, x + x).size() > 0", "loops"),
        (f"{MANY}.all(a, risk.matches('(a|a)*$'))", "regular expression"),
    ],
)
def test_a_rule_that_would_keep_everyone_waiting_is_refused_unread(expression: str, reason: str) -> None:
    with pytest.raises(RuleUnreadable, match=reason):
        try_rule(Rule("rule", expression))


@pytest.mark.parametrize(
    "expression",
    [
        f"{'[' + ','.join('0' * 200) + ']'}.all(a, {'[' + ','.join('0' * 200) + ']'}.all(b, a == b))",
        "!" * 900 + "true",
        "-" * 900 + "1 == 1",
        " && ".join(["true"] * 120),
        "'" + "a" * 400 + "!'.matches('(a|a)*(a|a)*$') || true",
    ],
)
def test_the_worst_that_is_allowed_comes_to_an_end(expression: str) -> None:
    try_rule(Rule("rule", expression))


@pytest.mark.parametrize(
    "expression",
    ["request.modules.exists(m, m == 'inventory')", "request.ledger.matches('^demo')", "'x' in ['x', 'y']"],
)
def test_plain_questions_can_be_asked(expression: str) -> None:
    assert judged(expression)
