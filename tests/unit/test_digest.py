"""Equal values give equal digests, and no part of a case can change without its digest."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_close_state, a_finding, a_period, a_plan, a_scope_item
from tests.strategies import findings
from workflows.domain.digest import canonical, case_digest, sha256, to_json
from workflows.domain.findings import EvidenceRow, Finding, FindingCode, in_order
from workflows.domain.ledger import CloseState, Module, ModuleState, StepMode, Verb
from workflows.domain.plan import Plan, PlanStep, Why

TEXTS = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(TEXTS, parts, max_size=4),
    max_leaves=12,
)


# ------------------------------------------------------------------ canonical JSON


def test_canonical_json_has_sorted_keys_no_spaces_and_no_escapes() -> None:
    assert canonical({"乙": None, "a": [True, 1, "盘点"], "A": {"b": 2, "a": 1}}) == (
        '{"A":{"a":1,"b":2},"a":[true,1,"盘点"],"乙":null}'
    )


def test_domain_values_are_written_as_people_write_them() -> None:
    assert to_json(a_period("2025-03")) == "2025-03"
    assert to_json(Module.GL) == "gl"
    assert to_json(Decimal("10.50")) == "10.50"
    assert to_json(date(2025, 6, 11)) == "2025-06-11"
    assert to_json(a_scope_item("IN-7")) == {"document": "IN-7", "intent": "correct", "note": "数量少录 20"}
    assert to_json((a_period("2025-03"), Module.GL)) == ["2025-03", "gl"]


@pytest.mark.parametrize("plain", [None, True, False, 0, -7, 10**30])
def test_plain_values_stay_what_they_are(plain: object) -> None:
    assert json.loads(canonical(plain)) == plain
    assert type(json.loads(canonical(plain))) is type(plain)


def test_true_is_not_one_and_one_is_not_its_text() -> None:
    assert len({canonical(value) for value in (True, 1, "1", [1], "true", None, "null")}) == 7


@given(JSON)
def test_canonical_json_is_json_of_the_same_value(value: object) -> None:
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(TEXTS, JSON, max_size=6), st.data())
def test_the_order_of_keys_does_not_matter(value: dict[str, object], data: st.DataObject) -> None:
    assert canonical({key: value[key] for key in data.draw(st.permutations(list(value)))}) == canonical(value)


@given(st.lists(st.sampled_from(Module) | TEXTS | st.integers(), unique_by=canonical))
def test_the_order_of_a_set_does_not_matter(parts: list[object]) -> None:
    assert (
        canonical(set(parts)) == canonical(frozenset(parts[::-1])) == canonical(sorted(parts, key=canonical))
    )


def test_the_order_of_a_sequence_does_matter() -> None:
    assert canonical(["a", "b"]) != canonical(["b", "a"])


@pytest.mark.parametrize(
    "value",
    [0.5, 1.0, float("nan"), [1, 0.5], {"a": {"b": (0.5,)}}, {0.5}, EvidenceRow("x", ((0.5, "a"),))],  # type: ignore[arg-type]  # the mistake under test
)
def test_a_fraction_is_refused_at_any_depth(value: object) -> None:
    with pytest.raises(TypeError, match="float has no canonical form"):
        canonical(value)


def test_the_digest_is_sha_256_of_the_canonical_text() -> None:
    assert sha256({"b": "盘点", "a": 1}) == hashlib.sha256('{"a":1,"b":"盘点"}'.encode()).hexdigest()


@given(JSON, JSON)
def test_equal_digests_mean_equal_values(one: object, other: object) -> None:
    assert (sha256(one) == sha256(other)) == (one == other)


# ------------------------------------------------------------------ what a consent is bound to

FINDINGS = (a_finding(FindingCode.NEGATIVE_STOCK, "ITEM-1"), a_finding(FindingCode.POSTED_VOUCHERS, "V-1"))


def digest_of(
    plan: Plan | None = None,
    state: CloseState | None = None,
    seen: tuple[Finding, ...] = FINDINGS,
    policy_version: str = "p-1",
    backup_policy: str = "b-1",
) -> str:
    return case_digest(plan or a_plan(), state or a_close_state(), seen, policy_version, backup_policy)


def with_step(change: Callable[[PlanStep], PlanStep]) -> Plan:
    plan = a_plan()
    return replace(plan, steps=(*plan.steps[:-1], change(plan.steps[-1])))


def with_module(change: Callable[[ModuleState], ModuleState]) -> CloseState:
    state = a_close_state()
    return replace(state, modules=(*state.modules[:-1], change(state.modules[-1])))


def with_finding(**change: Any) -> tuple[Finding, ...]:  # Any: the fields of a finding, as `replace` has it
    return (FINDINGS[0], replace(FINDINGS[1], **change))


def test_the_same_case_has_the_same_digest() -> None:
    assert digest_of() == digest_of()
    assert len(digest_of()) == 64


@pytest.mark.parametrize(
    "drifted",
    [
        pytest.param({"plan": replace(a_plan(), target=a_period("2025-04"))}, id="target"),
        pytest.param({"plan": replace(a_plan(), modules=(Module.COST,))}, id="modules asked for"),
        pytest.param({"plan": replace(a_plan(), steps=a_plan().steps[:-1])}, id="a step less"),
        pytest.param({"plan": replace(a_plan(), steps=a_plan().steps[::-1])}, id="order of steps"),
        pytest.param({"plan": with_step(lambda s: replace(s, verb=Verb.RECLOSE))}, id="verb"),
        pytest.param({"plan": with_step(lambda s: replace(s, module=Module.GL))}, id="module of a step"),
        pytest.param({"plan": with_step(lambda s: replace(s, period=a_period("2025-01")))}, id="period"),
        pytest.param({"plan": with_step(lambda s: replace(s, mode=StepMode.GUIDED))}, id="who acts"),
        pytest.param({"plan": with_step(lambda s: replace(s, why=Why.CLOSES_AFTER))}, id="why"),
        pytest.param({"plan": with_step(lambda s: replace(s, n=99))}, id="number of a step"),
        pytest.param({"state": with_module(lambda m: replace(m, current=a_period("2025-07")))}, id="current"),
        pytest.param({"state": with_module(lambda m: replace(m, start=a_period("2023-01")))}, id="start"),
        pytest.param({"state": with_module(lambda m: replace(m, locked=(a_period(),)))}, id="a lock"),
        pytest.param({"state": replace(a_close_state(), revision="r-2")}, id="moved there and back"),
        pytest.param({"seen": FINDINGS[:1]}, id="a finding less"),
        pytest.param({"seen": (*FINDINGS, a_finding(FindingCode.BLAST_RADIUS))}, id="a finding more"),
        pytest.param({"seen": with_finding(code=FindingCode.NEGATIVE_STOCK)}, id="what was found"),
        pytest.param({"seen": with_finding(count=2)}, id="how many were found"),
        pytest.param({"seen": with_finding(rows=(EvidenceRow("V-2"),))}, id="evidence"),
        pytest.param({"seen": with_finding(module=Module.GL)}, id="module of a finding"),
        pytest.param({"seen": with_finding(period=a_period("2025-04"))}, id="period of a finding"),
        pytest.param({"policy_version": "p-2"}, id="approval policy"),
        pytest.param({"backup_policy": "b-2"}, id="backup policy"),
    ],
)
def test_a_consent_is_void_when_any_part_of_the_case_drifts(drifted: dict[str, Any]) -> None:
    assert digest_of(**drifted) != digest_of()


def test_what_changes_by_itself_does_not_void_a_consent() -> None:
    logged_in = a_finding(FindingCode.FOREIGN_SESSIONS, "wang", bound=False)
    assert digest_of(seen=(*FINDINGS, logged_in)) == digest_of()


def test_the_policies_cannot_be_mistaken_for_each_other() -> None:
    assert digest_of(policy_version="x", backup_policy="y") != digest_of(
        policy_version="y", backup_policy="x"
    )


@given(st.lists(findings(), max_size=5).flatmap(lambda seen: st.tuples(st.just(seen), st.permutations(seen))))
def test_findings_in_reading_order_give_one_digest_whatever_check_came_first(
    told: tuple[list[Finding], list[Finding]],
) -> None:
    assert digest_of(seen=in_order(told[0])) == digest_of(seen=in_order(told[1]))
