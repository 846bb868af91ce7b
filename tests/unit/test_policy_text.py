"""Policies as people write them, and what is said about those that cannot be read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.policy_text import Part, read_policy, ways_of, write_policy
from workflows.domain.approval import Group
from workflows.domain.errors import PolicyUnreadable
from workflows.domain.policy import (
    DEFAULT_POLICY,
    ApprovalPolicy,
    Authorising,
    Demand,
    Expedited,
    Level,
    Mode,
    OnDeadline,
    Rule,
    Way,
)

DEFAULT_TEXT = """
[[levels]]
name = "warehouse"
groups = "warehouse"

[[levels]]
name = "finance"
groups = "finance"

[[levels]]
name = "it"
groups = "it"

[[levels]]
name = "finance_head"
groups = "finance_head"
[levels.when]
crosses_fiscal_year = "plan.crosses_fiscal_year"
several_periods = "plan.periods > 1"
posted_vouchers = "'posted_vouchers' in findings.codes"
high_risk = "risk == 'high'"
"""

WHOLE = """
version = "ignored-here"

[[levels]]
name = "仓储"
groups = { any = [{ group = "warehouse", count = 2 }, { all = ["finance", "it"] }] }
when = "plan.periods > 1"
deadline_hours = 4
on_deadline = "escalate"
escalate_to = "finance_head"
expires_hours = 6
cc = ["auditor"]
transfer_to = ["operator"]

[[levels]]
name = "all"
groups = { all = ["finance", "it"] }
mode = "sequence"

[authorisation]
groups = ["it", "finance_head"]
within_minutes = 15

[expedited]
deadline_percent = 25
cc = []
"""

W, F, I = Demand(Group.WAREHOUSE), Demand(Group.FINANCE), Demand(Group.IT)  # noqa: E741


def read(text: str) -> ApprovalPolicy:
    return read_policy("demo", text, "demo-1", "admin")


def test_the_default_policy_as_text_is_the_default_policy() -> None:
    assert read_policy("demo", DEFAULT_TEXT, DEFAULT_POLICY.version) == DEFAULT_POLICY


@pytest.mark.parametrize(
    "policy", [DEFAULT_POLICY, read_policy("demo", WHOLE, "v")], ids=["default", "whole"]
)
def test_a_policy_written_down_reads_as_it_was(policy: ApprovalPolicy) -> None:
    assert read_policy("demo", write_policy(policy), policy.version) == policy


def test_everything_can_be_said() -> None:
    assert read(WHOLE) == ApprovalPolicy(
        version="demo-1",
        levels=(
            Level(
                name="仓储",
                ways=((Demand(Group.WAREHOUSE, 2),), (F, I)),
                when=(Rule("when", "plan.periods > 1"),),
                deadline_hours=4,
                on_deadline=OnDeadline.ESCALATE,
                escalate_to=Group.FINANCE_HEAD,
                expires_hours=6,
                cc=(Group.AUDITOR,),
                transfer_to=(Group.OPERATOR,),
            ),
            Level("all", ((F, I),), Mode.SEQUENCE),
        ),
        authorising=Authorising((Group.IT, Group.FINANCE_HEAD), 15),
        expedited=Expedited(25, ()),
        author="admin",
    )


def test_a_level_expires_after_three_times_its_deadline_if_nothing_is_said() -> None:
    assert read('[[levels]]\nname="a"\ngroups="it"\ndeadline_hours=5').levels[0].expires_hours == 15


@pytest.mark.parametrize(
    ("expression", "ways"),
    [
        ("it", [(I,)]),
        ({"group": "it", "count": 3}, [(Demand(Group.IT, 3),)]),
        ({"all": ["it", "finance"]}, [(I, F)]),
        ({"any": ["it", "finance", "it"]}, [(I,), (F,)]),
        ({"n_of": 2, "of": ["it", "finance", "warehouse"]}, [(I, F), (I, W), (F, W)]),
        ({"all": ["it", {"any": ["finance", "warehouse"]}]}, [(I, F), (I, W)]),
        ({"n_of": 1, "of": ["it", {"all": ["it", "finance"]}]}, [(I,), (I, F)]),
    ],
)
def test_an_expression_of_consent_is_every_combination_that_fills_it(
    expression: Part, ways: list[Way]
) -> None:
    assert ways_of(expression) == tuple(ways)


NAMES = st.sampled_from(("it", "finance", "warehouse"))
EXPRESSIONS: st.SearchStrategy[Part] = st.recursive(
    NAMES,
    lambda part: st.one_of(
        st.builds(lambda of: {"all": of}, st.lists(part, min_size=1, max_size=3)),
        st.builds(lambda of: {"any": of}, st.lists(part, min_size=1, max_size=3)),
        st.builds(lambda of: {"n_of": (len(of) + 1) // 2, "of": of}, st.lists(part, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)


def asks_for(expression: Part, willing: set[str]) -> bool:
    """Whether the expression holds if of these groups any number of persons agrees."""
    if isinstance(expression, str):
        return expression in willing
    (kind,) = set(expression) - {"of"}
    parts = [asks_for(part, willing) for part in expression.get("of", expression[kind])]
    return bool(sum(parts) >= {"all": len(parts), "any": 1}.get(kind, expression.get("n_of", 0)))


@given(EXPRESSIONS, st.sets(NAMES))
def test_an_expression_holds_exactly_where_one_of_its_ways_does(expression: Part, willing: set[str]) -> None:
    try:
        ways = ways_of(expression)
    except ValueError:
        return
    assert any({d.group for d in way} <= willing for way in ways) == asks_for(expression, willing)


# --------------------------------------------------------------------------- what cannot be read

ONE = '[[levels]]\nname = "one"\ngroups = "it"\n'


def nested(depth: int) -> str:
    return "{ all = [" * depth + '"it"' + "] }" * depth


@pytest.mark.parametrize(
    ("text", "where", "reason"),
    [
        ("levels = [", "the end of the text", "not TOML"),
        (ONE + "mode any", "line 4", "not TOML"),
        (ONE + 'name = "two"\n# more', "line 4", "not TOML"),
        ("", "line 1: levels", "required"),
        ("levels = []", "line 1: levels", "at least 1"),
        ("levels = 1", "line 1: levels", "list"),
        (ONE + '[surprise]\nx = 1', "line 4: surprise", "not permitted"),
        (ONE + "colour = 1", r"line 4: levels\[0\].colour", "not permitted"),
        ('[[levels]]\ngroups = "it"', r"line 1: levels\[0\].name", "required"),
        ('[[levels]]\nname = "one"', r"line 1: levels\[0\].groups", "required"),
        (ONE.replace('"one"', '""'), r"line 2: levels\[0\].name", "at least 1"),
        (ONE.replace('"one"', '" one"'), r"line 2: levels\[0\].name", "pattern"),
        (ONE.replace('"one"', '"applicant"'), r"line 2: levels\[0\].name", "applicant"),
        (ONE.replace('"one"', "1"), r"line 2: levels\[0\].name", "string"),
        (ONE + ONE, "line 4: levels", "two levels are named one"),
        (ONE.replace('"it"', '"IT"'), r"line 3: levels\[0\].groups", "no group 'IT'"),
        (ONE.replace('"it"', "7"), r"line 3: levels\[0\].groups", "name of a group"),
        (ONE.replace('"it"', "[]"), r"line 3: levels\[0\].groups", "name of a group"),
        (ONE.replace('"it"', "{ all = [] }"), r"line 3: levels\[0\].groups", "1 to 12"),
        (ONE.replace('"it"', '{ some = ["it"] }'), r"line 3: levels\[0\].groups", "not \\['some'\\]"),
        (ONE.replace('"it"', '{ n_of = 2, of = ["it"] }'), r"line 3: levels\[0\].groups", "from 1 to 1"),
        (ONE.replace('"it"', '{ group = "it", count = 0 }'), r"line 3: levels\[0\].groups", "from 1 to 100"),
        (ONE.replace('"it"', '{ group = "it", count = true }'), r"line 3: .*groups", "whole number"),
        (ONE.replace('"it"', '{ group = ["it"], count = 1 }'), r"line 3: levels\[0\].groups", "no group"),
        (ONE.replace('"it"', nested(6)), r"line 3: levels\[0\].groups", "too deeply"),
        (ONE.replace('"it"', '{ n_of = 6, of = [' + '"it", ' * 12 + "] }"), "line 3: .*", "more than 64"),
        (ONE.replace('"it"', '{ any = ["it", "finance", "warehouse", "admin"] }')
         + "".join(f'[[levels]]\nname = "l{n}"\ngroups = {{ any = ["it", "finance", "auditor", "admin"] }}\n'
                   for n in range(6)), "line 19: levels", "more than 4096"),
        (ONE + 'mode = "most"', r"line 4: levels\[0\].mode", "most"),
        (ONE + "mode = 3", r"line 4: levels\[0\].mode", "instance"),
        (ONE + 'deadline_hours = "8"', r"line 4: levels\[0\].deadline_hours", "integer"),
        (ONE + "deadline_hours = 0", r"line 4: levels\[0\].deadline_hours", "greater"),
        (ONE + "deadline_hours = 1.5", r"line 4: levels\[0\].deadline_hours", "integer"),
        (ONE + 'cc = "it"', r"line 4: levels\[0\].cc", "tuple"),
        (ONE + 'cc = ["it", "nobody"]', r"line 4: levels\[0\].cc\[1\]", "nobody"),
        (ONE + 'on_deadline = "approve"', r"line 4: levels\[0\].on_deadline", "approve"),
        (ONE + 'on_deadline = "escalate"', r"line 1: levels\[0\]", "escalate_to go together"),
        (ONE + 'escalate_to = "it"', r"line 1: levels\[0\]", "escalate_to go together"),
        (ONE + "deadline_hours = 8\nexpires_hours = 7", r"line 1: levels\[0\]", "before deadline_hours"),
        (ONE.replace('"it"', '{ any = ["it", "finance"] }') + 'mode = "sequence"',
         r"line 1: levels\[0\]", "no choice"),
        (ONE.replace('"it"', '{ group = "it", count = 2 }') + 'mode = "all"',
         r"line 1: levels\[0\]", "count goes with mode any"),
        (ONE + 'when = "plan.periods >"', r"line 4: levels\[0\].when", "parse"),
        (ONE + '[levels.when]\nmany = "plan.periods"', r"line [45]: levels\[0\].when", "many: it gives 1"),
        (ONE + '[levels.when]\nodd = "plan.colour == 1"', r"line [45]: levels\[0\].when", "odd: .*'colour'"),
        (ONE + 'when = "nothing"', r"line 4: levels\[0\].when", "nothing"),
        (ONE + f'when = "{"!" * 1001}true"', r"line 4: levels\[0\].when", "longer than 1000"),
        (ONE + "when = 1", r"line 4: levels\[0\].when.str", "valid"),
        (ONE + '[authorisation]\ngroups = ["it"]', "line 5: authorisation.groups", "at least 2"),
        (ONE + '[authorisation]\ngroups = ["it", "it"]', "line 5: authorisation.groups", "two different"),
        (ONE + "[authorisation]\nwithin_minutes = 0", "line 5: authorisation.within_minutes", "greater"),
        (ONE + "[expedited]\ndeadline_percent = 101", "line 5: expedited.deadline_percent", "less"),
        (ONE + ONE.replace("one", "two") + 'mode = "most"', r"line 7: levels\[1\].mode", "most"),
        (ONE + ONE.replace("one", "two").replace("it", "ti"), r"line 6: levels\[1\].groups", "'ti'"),
        (ONE + "a" + ".a" * 2000 + " = 1", "line 4", "longer than 2000"),
        ("a = " + "[\n" * 5000, "policy", "too deeply"),
        (ONE + "deadline_hours = " + "9" * 1900, r"line 4: levels\[0\].deadline_hours", "less"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_line_and_field(text: str, where: str, reason: str) -> None:
    with pytest.raises(PolicyUnreadable) as refused:
        read(text)
    assert refused.value.ledger == "demo"
    assert re.fullmatch(where, refused.value.where)
    assert re.search(reason, refused.value.reason)


@given(st.text(max_size=60) | st.text("[]{}=\"'. \nabclevsnmgrou1", max_size=80))
def test_whatever_is_written_is_a_policy_or_an_unreadable_one(text: str) -> None:
    try:
        read(text)
    except PolicyUnreadable:
        return


@pytest.mark.parametrize("name", ["a\\u0000b", "\\u200B", "a\\u202Eb"])
def test_a_name_that_nobody_can_see_or_keep_is_refused(name: str) -> None:
    for text in (
        f'[[levels]]\nname = "{name}"\ngroups = "it"\n',
        f'[[levels]]\nname = "it"\ngroups = "it"\n[levels.when]\n"{name}" = "true"\n',
    ):
        with pytest.raises(PolicyUnreadable, match="invisible"):
            read_policy("demo", text, "new")
