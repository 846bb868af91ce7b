"""Which articles a person sees beside a task: by its kind, by what the checks noticed and what stopped it."""

from collections.abc import Mapping
from functools import lru_cache

from service.knowledge.library import Article, Need, Step, chosen, same
from service.queries import TaskView
from service.texts import Language
from workflows.domain.case import TaskKind

AT_MOST = 5
"""Links at one task: what helps most, not a library."""

STEPS: Mapping[TaskKind, frozenset[Step]] = {
    TaskKind.APPROVAL: frozenset({Step.APPROVING}),
    TaskKind.AUTHORISATION: frozenset({Step.AUTHORISING}),
    TaskKind.GUIDED_STEP: frozenset({Step.UNCLOSING}),
    TaskKind.CORRECTION: frozenset({Step.CORRECTING}),
    TaskKind.ATTENTION: frozenset({Step.ATTENTION}),
    TaskKind.FINDING: frozenset({Step.CHECKING}),
}


def knowledge_for(view: TaskView, language: Language) -> tuple[Article, ...]:
    """The articles for one task, the nearest first."""
    return nearest(view.kind, frozenset(_codes(view)), language)


@lru_cache(maxsize=1000)
def nearest(kind: TaskKind, codes: frozenset[str], language: Language) -> tuple[Article, ...]:
    """The articles for such a task with these codes of findings, problems or alarms."""
    need = Need(STEPS[kind], errors=frozenset(map(same, codes)))
    return chosen(need, language)[:AT_MOST]


def _codes(view: TaskView) -> list[str]:
    """What the checks noticed, and what stopped the case."""
    found = view.findings if isinstance(view.findings, list) else []
    failure = view.attention.get("failure") if isinstance(view.attention, dict) else None
    stopped = [str(failure["error"])] if isinstance(failure, dict) and failure.get("error") else []
    return [*stopped, *(str(finding["code"]) for finding in found)]
