"""The rules of approval policies: CEL expressions, judged by the facts of one case (design §7)."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from workflows.domain.digest import Json
from workflows.domain.policy import ApprovalPolicy, Level, Rule
from workflows.domain.policy_facts import EXAMPLE

if TYPE_CHECKING:
    import cel

MAX_LENGTH = 1000
"""Characters of one expression."""

_LOOP = re.compile(r"\b(?:all|exists|exists_one|existsOne|map|filter)\b")
_MAX_LOOPS = 2
"""A loop in a loop in a loop over long lists would keep everyone waiting for minutes."""


class RuleUnreadable(Exception):
    """A rule cannot be read, or gives no yes or no: it is never taken for either."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where, self.reason = where, reason


def judge(policy: ApprovalPolicy, facts: Mapping[str, Json]) -> tuple[tuple[str, ...] | None, ...]:
    """For each level the names of its rules that hold; none if it has rules and no one holds.

    Raises:
        RuleUnreadable: a rule cannot be judged by these facts. All are judged, so that it shows at once.
    """
    return tuple(_judge_level(level, facts) for level in policy.levels)


def _judge_level(level: Level, facts: Mapping[str, Json]) -> tuple[str, ...] | None:
    if not level.when:
        return ()
    holding = tuple(rule.name for rule in level.when if holds(rule, facts, level.name))
    return holding or None


def holds(rule: Rule, facts: Mapping[str, Json], level: str = "") -> bool:
    """Whether a rule holds. Raises RuleUnreadable for anything else than yes or no."""
    where = f"{level}.when.{rule.name}" if level else rule.name
    try:
        answer = _program(rule.expression).execute(_context(facts))
    except Exception as error:  # the library raises built-in errors of many kinds
        raise RuleUnreadable(where, _sentence(error)) from error
    if not isinstance(answer, bool):
        raise RuleUnreadable(where, f"it gives {answer!r}, not true or false")
    return answer


def try_rule(rule: Rule) -> None:
    """Judge a rule by example facts, as a first test of what it asks about. Raises RuleUnreadable."""
    holds(rule, EXAMPLE)


def _context(facts: Mapping[str, Json]) -> "cel.Context":
    import cel  # it brings a whole terminal along: only for those that have a rule to judge

    return cel.Context(variables=dict(facts))


@lru_cache(maxsize=512)
def _program(expression: str) -> "cel.Program":
    import cel  # as above

    if len(expression) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH} characters")
    loops = len(_LOOP.findall(expression))
    if loops > _MAX_LOOPS:
        raise ValueError(f"it has more than {_MAX_LOOPS} loops, such as all, exists, map or filter")
    if loops and "matches" in expression:
        raise ValueError("it has a loop and a regular expression: each may be slow, together they are")
    return cel.compile(expression)


def _sentence(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error.args[0]!r} to ask about"
    return (str(error).splitlines() or [type(error).__name__])[0]
