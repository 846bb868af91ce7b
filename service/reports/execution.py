"""Plan against what happened, rehearsal against production, and the backups behind both."""

from collections.abc import Mapping, Sequence

from activities.report.document import (
    Block,
    Cell,
    Column,
    Fact,
    Facts,
    Heading,
    Paragraph,
    Section,
    Table,
    Tone,
)
from service.reports.material import Material, Part, code, facts_of, plain
from service.reports.wish import nothing
from service.reports.words import PHASES
from service.texts import MODES as STEP_MODES
from service.texts import VERBS
from workflows.domain.case import CaseEvent, EventKind


def steps(m: Material) -> Section:
    """Every planned step with what was done and read back, in the order of the plan."""
    blocks: list[Block] = []
    for name in PHASES:
        planned = m.part(name).get("steps", ())
        if planned:
            title = m.say(
                f"{m.word(PHASES, name)}: {len(planned)} steps", f"{m.word(PHASES, name)}：{len(planned)} 步"
            )
            blocks += [Heading(title), _phase(m, name, planned)]
    blocks += _troubles(m)
    return Section(m.say("Plan and what happened", "计划与执行"), tuple(blocks) or (nothing(m),))


def _phase(m: Material, name: str, planned: Sequence[Part]) -> Table:
    say = m.say
    columns = (
        Column("#", 5),
        Column(say("Planned", "计划"), 24),
        Column(say("Done", "完成时间"), 21),
        Column(say("By", "执行"), 13),
        Column(say("Read back: current period of every module", "读回：各模块当前期间"), 42),
        Column(say("As rehearsed", "与演练一致"), 11),
    )
    done = _done(m, name)
    note = say(
        "After each step every module is read back; exactly one may have moved, by one period: ● marks it.",
        "每步之后读回全部模块：有且仅有一个模块变动一期，以 ● 标示。",
    )
    before: Part = {}
    rows = []
    for step in planned:
        event = done.get(_name(step))
        rows.append(_step(m, step, event, before))
        before = facts_of(event)["pointers"] if event else before
    return Table(columns, tuple(rows), note)


def _done(m: Material, plan: str) -> Mapping[str, CaseEvent]:
    """What was done in one phase, by step. The key of a step names its phase."""
    phase = {"plan": "unclose", "plan_reclose": "reclose", "plan_compensate": "compensate"}[plan]
    return {
        _name(event.data): event
        for event in m.of_kind(EventKind.STEP_DONE)
        if f"/{phase}/" in f"/{event.data.get('key', '')}/"
    }


def _name(step: Part) -> str:
    return f"{step['verb']} {step['module']} {step['period']}"


def _step(m: Material, step: Part, event: CaseEvent | None, before: Part) -> tuple[Cell, ...]:
    planned = f"{m.word(VERBS, step['verb'])} · {m.module(step['module'])} {step['period']}"
    mode = m.word(STEP_MODES, step["mode"])
    if event is None:
        not_done = plain(m.say("not done", "未执行"), Tone.WARNING)
        return (plain(step["n"]), plain(f"{planned} · {mode}"), not_done, plain(""), plain(""), plain(""))
    note = event.data.get("note")
    by = " · ".join(filter(None, (m.person(event.actor), str(note) if note else "")))
    return (
        plain(step["n"]),
        plain(f"{planned} · {mode}"),
        code(m.moment(event.at, finely=True)),
        plain(by),
        plain(_pointers(m, facts_of(event)["pointers"], before, str(step["module"]))),
        _as_rehearsed(m, event),
    )


def _pointers(m: Material, pointers: Part, before: Part, moved: str) -> str:
    return m.say("; ", "；").join(
        f"{'● ' if name == moved else ''}{m.module(name)} "
        + (f"{before[name]} → {period}" if before.get(name, period) != period else f"{period}")
        for name, period in pointers.items()
    )


def _as_rehearsed(m: Material, event: CaseEvent) -> Cell:
    movements = m.part("rehearsal").get("movements", ())
    same = [move for move in movements if _name(move) == _name(event.data)]
    if not same:
        return plain("")
    if any(move["pointers"] == event.data["pointers"] for move in same):
        return plain("✓", Tone.GOOD)
    return plain(m.say("differs", "不一致"), Tone.BAD)


def _troubles(m: Material) -> list[Block]:
    """What stopped the line, and what people decided about it."""
    kinds = (
        EventKind.STEP_FAILED,
        EventKind.ATTENTION_NEEDED,
        EventKind.ATTENTION_PROPOSED,
        EventKind.ATTENTION_ANSWERED,
        EventKind.RESTORED,
    )
    told = m.of_kind(*kinds)
    if not told:
        return []
    columns = (
        Column(m.say("When", "时间"), 20),
        Column(m.say("What", "事项"), 18),
        Column(m.say("Who", "何人"), 20),
        Column(m.say("Facts", "内容"), 42),
    )
    rows = [
        (plain(m.moment(e.at)), plain(m.event_name(e.kind)), plain(m.actor(e)), plain(_trouble(m, e)))
        for e in told
    ]
    return [Heading(m.say("Stops and decisions", "中止与处理")), Table(columns, tuple(rows))]


def _trouble(m: Material, event: CaseEvent) -> str:
    data, failure = event.data, event.data.get("failure")
    said = [
        str(failure.get("says") or failure.get("error")) if isinstance(failure, dict) else "",
        m.answer(data["answer"]) if data.get("answer") else "",
        str(data.get("comment") or ""),
        str(data.get("backup") or ""),
    ]
    return " · ".join(fact for fact in said if fact)


# --------------------------------------------------------------------------- rehearsal and backups


def rehearsal(m: Material) -> Section:
    say, told = m.say, m.part("rehearsal")
    title = say("Rehearsal and production", "演练与实际")
    if not told:
        return Section(title, (nothing(m),))
    if told.get("skipped"):
        why = say(f"Not rehearsed: {told['skipped']}.", f"未演练：{told['skipped']}。")
        return Section(title, (Paragraph(why, Tone.WARNING),))
    facts = Facts(
        (
            Fact(say("Copy made from", "副本来自"), code(told.get("backup"))),
            Fact(say("Steps rehearsed", "演练步数"), plain(told.get("steps"))),
            Fact(say("Restoring took", "恢复用时"), plain(m.duration(told.get("restore_milliseconds")))),
            Fact(say("Rehearsal took", "演练用时"), plain(m.duration(told.get("milliseconds")))),
        )
    )
    columns = (
        Column(say("Moment", "时点"), 18),
        Column(say("Root in the rehearsal", "演练根摘要"), 34),
        Column(say("Root in production", "实际根摘要"), 34),
        Column(say("Verdict", "结论"), 14),
    )
    rows = (
        _roots(m, told, "opened_root", "verified_open"),
        _roots(m, told, "closed_root", "verified_closed"),
    )
    note = say(
        "Once open, production must equal the rehearsal. Once closed again it differs by the corrections"
        " alone: see the differences.",
        "打开后，实际须与演练完全一致；重新结账后，差异仅应来自更正内容，见差异一节。",
    )
    return Section(title, (facts, Table(columns, rows, note)))


def _roots(m: Material, told: Part, name: str, moment: str) -> tuple[Cell, ...]:
    expected, seen = told.get(name), m.part(f"proof_{moment}").get("root")
    if not seen:
        verdict = plain(m.say("not reached", "未到此步"), Tone.FAINT)
    elif expected == seen:
        verdict = plain(m.say("equal", "一致"), Tone.GOOD)
    elif moment == "verified_closed":
        verdict = plain(m.say("changed by corrections", "因更正而不同"))
    else:
        verdict = plain(m.say("DIFFERENT", "不一致"), Tone.BAD)
    return plain(m.moment_of_proof(moment)), code(expected), code(seen), verdict


def backups(m: Material) -> Section:
    title, told = m.say("Backups", "备份"), m.of_kind(EventKind.BACKED_UP)
    if not told:
        return Section(title, (nothing(m),))
    blocks: list[Block] = []
    for event in told:
        blocks += [Heading(m.point(event.data["point"])), _backup(m, facts_of(event))]
    return Section(title, tuple(blocks))


def _backup(m: Material, data: Part) -> Facts:
    say = m.say
    return Facts(
        (
            Fact(say("Number", "编号"), code(data["id"])),
            Fact(say("Taken", "备份时间"), plain(m.moment(data["taken_at"]))),
            Fact(say("Size", "大小"), plain(m.size(data["bytes"]))),
            Fact(say("SHA-256", "SHA-256"), code(data["sha256"])),
            Fact(say("Proof of the restored copy", "恢复后余额证明"), code(data["root"])),
            Fact(
                say("Restored and proven in", "恢复并验证用时"),
                plain(m.duration(data["restore_milliseconds"]), Tone.GOOD),
            ),
            Fact(say("Kept at", "存放位置"), code(data["location"])),
        )
    )
