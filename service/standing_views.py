"""Standing tasks as the one inbox shows them."""

from datetime import datetime

from service import schemas as s
from service.knowledge.for_tasks import nearest
from service.standing_tasks import StandingView
from service.texts import ALARMS, FINDINGS, FindingWords, Language
from service.views import API, knowledge_links
from workflows.domain.case import Actor
from workflows.domain.findings import FindingCode
from workflows.domain.standing import AlarmCode


def standing_task(view: StandingView, actor: Actor, now: datetime, language: Language) -> s.TaskOut:
    words = _words(view.code)
    here = f"{API}/tasks/{view.id}"
    return s.TaskOut(
        id=view.id,
        kind=view.kind,
        name=view.code,
        title=words.title.in_(language),
        request=None,
        ledger=view.ledger,
        target_period=None,
        request_state=None,
        state="open" if view.is_open else "closed",
        groups=[view.owner],
        persons=[],
        actions=list(view.actions_for(actor)),
        digest=None,
        opened_at=view.opened_at,
        due=None,
        expires=None,
        waiting_for=[view.owner] if view.is_open else [],
        acting_for=[],
        cc=[],
        age_seconds=round(((view.closed_at or now) - view.opened_at).total_seconds(), 3),
        outcome=view.outcome,
        closed_by=view.closed_by,
        closed_at=view.closed_at,
        summary=None,
        standing=s.StandingOut(
            code=view.code,
            remedy=words.remedy.in_(language),
            facts=view.facts,
            raised_by=view.raised_by,
        ),
        knowledge=knowledge_links(nearest(view.kind, frozenset({view.code}), language)),
        links=s.TaskLinks(self=here, request=None, actions=f"{here}/actions"),
    )


def standing_act(view: StandingView) -> s.ActOut:
    return s.ActOut(id=view.id, state=None, digest=None, waiting_for=[view.owner] if view.is_open else [])


def _words(code: str) -> FindingWords:
    return ALARMS[AlarmCode(code)] if code in set(AlarmCode) else FINDINGS[FindingCode(code)]
