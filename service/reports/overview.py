"""The cover, and where the time went: both clocks, the stages one by one, the moments that count."""

from collections.abc import Iterator
from itertools import pairwise

from activities.report.document import (
    Bar,
    Clock,
    Clocks,
    Cover,
    Fact,
    Mark,
    Moment,
    Section,
    Share,
    Timeline,
    Tone,
    Waterfall,
)
from service.reports.chain import verify
from service.reports.material import Material, code, facts_of, plain
from service.texts import Words
from workflows.domain.case import CaseEvent, EventKind
from workflows.domain.request import HUMAN_STATES, CaseState

PRODUCT = "Unclose"

_BARS = 40
"""Stages shown one by one; a case that went back and forth more often shows its longest."""

TONES = {
    CaseState.COMPLETED: Tone.GOOD,
    CaseState.ROLLED_BACK: Tone.BAD,
    CaseState.REJECTED: Tone.BAD,
    CaseState.CHECKS_FAILED: Tone.BAD,
    CaseState.EXPIRED: Tone.WARNING,
    CaseState.WITHDRAWN: Tone.WARNING,
}

_MEANT: dict[CaseState, Words] = {
    CaseState.COMPLETED: Words(
        "The period was opened, corrected, closed again and proved.", "期间已打开、更正、重新结账并完成核验。"
    ),
    CaseState.CHECKS_FAILED: Words(
        "The checks found blockers; nothing was opened.", "检查发现阻断项；未打开任何期间。"
    ),
    CaseState.REJECTED: Words("An approver said no; nothing was opened.", "审批未获同意；未打开任何期间。"),
    CaseState.WITHDRAWN: Words(
        "The applicant took the wish back; nothing was opened.", "申请人已撤回；未打开任何期间。"
    ),
    CaseState.EXPIRED: Words(
        "Somebody did not act in time; nothing was opened.", "逾期未处理；未打开任何期间。"
    ),
    CaseState.ROLLED_BACK: Words(
        "What had been opened was put back and proved equal to before.",
        "已打开的内容均已恢复，并证明与之前一致。",
    ),
}


def cover(m: Material) -> Cover:
    request, state = m.file.request, m.state
    say, found = m.say, tuple(_found(m))
    period = f"{m.listed(m.module(module) for module in request.modules)} · {request.target_period}"
    facts = [
        Fact(say("Ledger", "账套"), plain(_ledger(m))),
        Fact(say("Opened for", "申请打开"), plain(period)),
        Fact(say("Applicant", "申请人"), plain(m.person(request.applicant))),
        Fact(say("Accepted", "受理时间"), plain(m.moment(request.accepted_at))),
        Fact(
            say("Ended", "结束时间"),
            plain(m.moment(m.ended_at) if m.is_final else say("not yet", "尚未结束")),
        ),
        Fact(say("Digest agreed to", "审批所依摘要"), code(m.file.parts.get("digest"))),
        Fact(say("Audit trail", "审计链"), plain(*verify(m).verdict(m))),
    ]
    return Cover(
        product=PRODUCT,
        title=say("Un-close audit report", "反结账审计报告"),
        number=request.id,
        subtitle=f"{_ledger(m)} · {request.target_period}",
        outcome=m.state_name(state),
        outcome_label=say("Outcome", "结论") if m.is_final else say("State so far", "当前状态"),
        tone=Tone.WARNING if found else TONES.get(state, Tone.PLAIN),
        because=" ".join(filter(None, (_because(m), *found))),
        facts=tuple(facts),
        clocks=clocks(m),
        notice=say(
            f"Times are in {m.zone}. Made from the register's record of the case, which is attached to this"
            " file as case.json. Produced as PDF/A-3b.",
            f"时间均为 {m.zone}。本报告依据登记簿中的案件记录生成，该记录附于本文件（case.json）。"
            "按 PDF/A-3b 生成。",
        ),
    )


def _ledger(m: Material) -> str:
    own, name = m.file.request.ledger, m.letterhead.ledger
    return own if name in ("", own) else m.say(f"{name} ({own})", f"{name}（{own}）")


def _because(m: Material) -> str:
    meant = _MEANT[m.state].in_(m.language) if m.state in _MEANT else ""
    last = next(reversed(m.of_kind(EventKind.STATE_CHANGED)), None)
    because = last.data.get("because") if last else None
    said = because.get("says", "") if isinstance(because, dict) else because or ""
    return f"{meant} {m.say(f'On record: {said}', f'记录原因：{said}')}".strip() if said else meant


def _found(m: Material) -> Iterator[str]:
    """A case in which something was found does not look like one in which nothing was."""
    if unlogged := m.part("difference").get("unlogged"):
        documents = m.listed(unlogged)
        yield m.say(f"Changed past the ERP: {documents}.", f"绕过 ERP 的更改：{documents}。")
    if skipped := m.parts("skipped"):
        over = m.listed(str(skip["says"]) for skip in skipped)
        yield m.say(f"Two persons went on over: {over}", f"经两人决定跳过：{over}")


def clocks(m: Material) -> Clocks:
    """Clock A and clock B, each in time of people and of machines (R104, R106)."""
    known = m.part("clocks")
    return Clocks(
        clocks=(
            _clock(m, known, "a", "A", m.say("accepted → verified open", "受理 → 核验打开")),
            _clock(m, known, "b", "B", m.say("verified open → verified closed", "核验打开 → 核验结账")),
        ),
        people=m.say("people", "人工"),
        machine=m.say("machine", "系统"),
    )


def _clock(m: Material, known: object, letter: str, name: str, means: str) -> Clock:
    told = known if isinstance(known, dict) else {}
    total, people, machine = (told.get(f"{letter}_{part}ms") for part in ("", "human_", "machine_"))
    return Clock(
        name=m.say(f"Clock {name}", f"时钟 {name}"),
        means=means,
        total=m.say("did not end", "未到终点") if total is None else m.duration(total),
        people=people or 0,
        people_said=m.duration(people or 0),
        machine=machine or 0,
        machine_said=m.duration(machine or 0),
    )


# --------------------------------------------------------------------------- where the time went


def time(m: Material) -> Section:
    say = m.say
    return Section(
        say("Outcome and time", "结论与时间"),
        (waterfall(m), Timeline(tuple(_moments(m)))),
    )


def waterfall(m: Material) -> Waterfall:
    """Each stay in a state as a bar. People were waited for, or the machine worked."""
    moves = m.of_kind(EventKind.STATE_CHANGED)
    stays = [
        _bar(m, CaseState(facts_of(move)["to"]), m.since_start(move.at), m.since_start(after.at))
        for move, after in pairwise(moves)
    ]
    shown = sorted(sorted(stays, key=lambda b: b.start - b.end)[:_BARS], key=lambda b: (b.start, b.end))
    left_out = len(stays) - len(shown)
    return Waterfall(
        bars=tuple(shown),
        marks=tuple(_marks(m)),
        people=m.say("waiting for people", "等待人工"),
        machine=m.say("machine at work", "系统处理"),
        note=m.say(f"{left_out} shorter stays are not shown.", f"另有 {left_out} 段较短停留未列出。")
        if left_out
        else "",
    )


def _bar(m: Material, state: CaseState, start: int, end: int) -> Bar:
    share = Share.PEOPLE if state in HUMAN_STATES else Share.MACHINE
    return Bar(m.state_name(state), start, end, share, m.duration(end - start))


def _marks(m: Material) -> list[Mark]:
    ends = {
        CaseState.CORRECTING: m.say("A ends: verified open", "A 止：核验打开"),
        CaseState.ARCHIVING: m.say("B ends: verified closed", "B 止：核验结账"),
    }
    marks: dict[str, Mark] = {}
    for move in m.of_kind(EventKind.STATE_CHANGED):
        label = ends.get(CaseState(facts_of(move)["to"]))
        if label and label not in marks:
            marks[label] = Mark(label, m.since_start(move.at))
    return list(marks.values())


_COUNTING: dict[EventKind, Words] = {
    EventKind.RECEIVED: Words("Accepted", "受理"),
    EventKind.PLAN_MADE: Words("Checked and planned", "检查并形成计划"),
    EventKind.DECIDED: Words("Decision", "审批意见"),
    EventKind.CONFIRMED: Words("Joint authorisation", "联合授权"),
    EventKind.BACKED_UP: Words("Backup proven", "备份已验证"),
    EventKind.REHEARSED: Words("Rehearsed on the copy", "副本演练"),
    EventKind.ISOLATED: Words("Ledger isolated", "清场独占"),
    EventKind.PROVEN: Words("Proof computed", "余额证明"),
    EventKind.WINDOW_OPENED: Words("Correction window open", "更正窗口开启"),
    EventKind.WINDOW_EXTENDED: Words("Correction window extended", "更正窗口延长"),
    EventKind.WINDOW_CLOSED: Words("Correction window shut", "更正窗口关闭"),
    EventKind.STEP_FAILED: Words("Stopped", "执行中止"),
    EventKind.ATTENTION_NEEDED: Words("A person was needed", "需人工处理"),
    EventKind.ATTENTION_ANSWERED: Words("A person decided", "人工决定"),
    EventKind.DECISIONS_VOID: Words("Consents void", "审批意见作废"),
    EventKind.RESUBMITTED: Words("Resubmitted", "重新提交"),
    EventKind.WITHDRAWN: Words("Withdrawn", "撤回"),
    EventKind.RESTORED: Words("Backup restored in place", "已从备份恢复"),
    EventKind.RELEASED: Words("Ledger given back", "账套已释放"),
    EventKind.SEALED: Words("Evidence sealed", "证据封存"),
}
_DETAIL = 120
"""Letters beside a moment; the section on consent has every comment in full."""
_MOMENTS = 60
"""Moments in the timeline; every event stands in the appendix."""

_WRONG = {EventKind.STEP_FAILED, EventKind.ATTENTION_NEEDED, EventKind.DECISIONS_VOID, EventKind.WITHDRAWN}
_RIGHT = {EventKind.PROVEN, EventKind.SEALED, EventKind.BACKED_UP}


def _moments(m: Material) -> list[Moment]:
    counting = [event for event in m.events if event.kind in _COUNTING][:_MOMENTS]
    moments = [
        Moment(m.moment(event.at), _COUNTING[event.kind].in_(m.language), _detail(m, event), _tone(event))
        for event in counting
    ]
    if m.is_final:
        moments.append(
            Moment(m.moment(m.ended_at), m.state_name(m.state), "", TONES.get(m.state, Tone.PLAIN))
        )
    return moments


def _tone(event: CaseEvent) -> Tone:
    if event.kind in _WRONG or event.data.get("answer") in ("reject", "return"):
        return Tone.BAD
    return Tone.GOOD if event.kind in _RIGHT else Tone.PLAIN


def _detail(m: Material, event: CaseEvent) -> str:
    """Who, and the one fact that people look for."""
    data = facts_of(event)
    facts: list[str] = [] if event.actor == "unclose" else [m.actor(event)]
    if event.kind == EventKind.DECIDED:
        facts += [m.answer(data.get("answer")), str(data.get("comment", ""))]
    elif event.kind == EventKind.BACKED_UP:
        facts += [m.point(data.get("point")), m.duration(data.get("restore_milliseconds"))]
    elif event.kind == EventKind.PROVEN:
        facts += [m.moment_of_proof(data.get("moment"))]
    elif event.kind == EventKind.WINDOW_OPENED:
        facts += [m.listed(map(m.person, data.get("persons", ())))]
    elif event.kind == EventKind.PLAN_MADE:
        steps, risk = data.get("steps", 0), m.risk(data.get("risk"))
        facts += [m.say(f"{steps} steps, risk {risk}", f"{steps} 步，风险 {risk}")]
    elif event.kind == EventKind.CONFIRMED:
        facts += [m.group(data.get("group"))]
    said = " · ".join(fact for fact in facts if fact)
    return said if len(said) <= _DETAIL else said[: _DETAIL - 1] + "…"
