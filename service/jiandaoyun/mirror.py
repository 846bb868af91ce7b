"""Decisions made here, shown to the workflow of the form's record: one way only, and only in one's own name.

Nobody's decision is taken over from there: who answers a task in Jiandaoyun is known to Jiandaoyun and not to
us, and has not seen the digest. A decision answers the task of the very person who made it, or none at all.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from typing_extensions import override

from service.jiandaoyun.answers import JiandaoyunRefused, JiandaoyunUnreachable, Verdict
from service.jiandaoyun.client import JiandaoyunClient
from service.jiandaoyun.flows import Answer, Answered, BackType, MirrorOutcome
from service.jiandaoyun.forms import Form, Forms
from service.jiandaoyun.mirrored import Decision, MirrorBook
from service.jiandaoyun.records import FormRecords
from service.sending.ports import Addressed, Audience, Channel, News, Parcel, Undelivered
from service.texts import TASK_ACTIONS
from workflows.domain.case import APPLICANT, EventKind, Resume, TaskAction
from workflows.domain.digest import Json

CHANNEL = "jiandaoyun-flow"
TYPE = "form.decision"
_ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        TaskAction.APPROVE: Answer.APPROVE,
        TaskAction.REJECT: Answer.REJECT,
        TaskAction.RETURN: Answer.RETURN,
    }
)
_LONGEST = 500
"""Characters of a comment."""


class FormMirror(Audience):
    """Says which decisions go to a form: those of its cases, where the form asks for it."""

    def __init__(self, records: FormRecords, forms: Forms) -> None:
        self._records, self._forms = records, forms

    @override
    async def addressed(self, news: News) -> Sequence[Addressed]:
        if news.event.kind != EventKind.DECIDED or news.event.data.get("answer") not in _ANSWERS:
            return ()
        its = await self._records.record_of(news.request.id)
        form = None if its is None else self._forms.find(its.form.app_id, its.form.entry_id)
        if its is None or form is None or form.mirror is None:
            return ()
        said = news.event.data
        body: dict[str, Json] = {
            "app_id": its.form.app_id,
            "entry_id": its.form.entry_id,
            "record": its.record,
            "person": news.event.actor,
            **{name: said.get(name) for name in ("answer", "comment", "to", "resume")},
        }
        return [Addressed(TYPE, CHANNEL, f"form:{its.record}", body)]


class MirrorChannel(Channel):
    """Answers the person's own task there. Which one is kept first, so that a repeat answers no other."""

    per_minute = None

    def __init__(self, client: JiandaoyunClient, book: MirrorBook, forms: Forms) -> None:
        self._client, self._book, self._forms = client, book, forms

    @override
    async def send(self, parcel: Parcel) -> None:
        body = parcel.body
        record, person = str(body["record"]), str(body["person"])
        decision = Decision(parcel.case, parcel.seq, record, person, str(body["answer"]))
        form = self._forms.find(str(body["app_id"]), str(body["entry_id"]))
        if form is None or form.mirror is None:
            raise Undelivered("the form is not mirrored any more", is_final=True)
        try:
            outcome = await self._mirror(parcel, decision, form)
        except JiandaoyunUnreachable as error:
            raise Undelivered(str(error)) from error
        except JiandaoyunRefused as refused:
            if refused.verdict != Verdict.GONE:
                # A key, a right, a quota, a comment that the node demands: somebody must put it right first.
                raise Undelivered(str(refused), is_final=True) from refused
            outcome = MirrorOutcome.GONE
        await self._book.ended(parcel, decision, outcome)

    async def _mirror(self, parcel: Parcel, decision: Decision, form: Form) -> MirrorOutcome:
        assert form.mirror is not None
        answer, back = _ANSWERS[decision.answer], None
        if answer == Answer.RETURN:
            back = form.mirror.start_node if parcel.body.get("to") == APPLICANT else None
            if back is None:
                return MirrorOutcome.NO_NODE
        names = {there for there, here in self._forms.users.items() if here == decision.person}
        if not names:
            return MirrorOutcome.NO_USER
        chosen = await self._book.chosen(parcel.id)
        if chosen is None:
            tasks = await self._client.tasks(decision.record)
            theirs = [task for task in tasks if task.is_running and task.assignee in names]
            chosen = await self._book.choose(parcel, decision, theirs)
        if chosen is None:
            return MirrorOutcome.NO_TASK
        straight = parcel.body.get("resume") == Resume.DIRECT
        answered = Answered(
            answer,
            decision.record,
            chosen.task,
            chosen.username,
            _comment(parcel, decision, form),
            back,
            BackType.STRAIGHT if straight else BackType.NORMAL,
        )
        if await self._client.answer(answered) or await self._is_ours(decision):
            return MirrorOutcome.MIRRORED
        return MirrorOutcome.HANDLED_THERE

    async def _is_ours(self, decision: Decision) -> bool:
        """Whether an earlier attempt has answered the task, and nobody lived to write it down."""
        mark = _mark(decision)
        return any(said.startswith(mark) for said in await self._client.comments(decision.record))


def _mark(decision: Decision) -> str:
    """By which our own answer is known again there."""
    return f"[Unclose {decision.case} #{decision.seq}]"


def _comment(parcel: Parcel, decision: Decision, form: Form) -> str:
    """Where it was decided, what, and what was said. Nodes may demand a comment, so there always is one."""
    word = TASK_ACTIONS[TaskAction(decision.answer)].in_(form.language)
    said = f"{_mark(decision)} {word}"
    more = str(parcel.body.get("comment") or "")
    return (f"{said}: {more}" if more else said)[:_LONGEST]
