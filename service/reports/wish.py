"""What was asked for, what the checks noticed, and who agreed to it."""

from collections.abc import Sequence

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
from service.reports.material import Material, Part, code, facts_of, plain, short
from service.reports.words import MODES
from service.texts import FINDINGS, INTENTS, REASONS, SEVERITIES
from workflows.domain.case import CaseEvent, EventKind
from workflows.domain.findings import CATALOGUE, FindingCode, Severity

_RULES = {rule.code: rule for rule in CATALOGUE}

_ROWS_OF_A_FINDING = 8
"""Evidence rows shown of one finding; the rest is counted, and stands in the attached record."""

_SEVERITY_TONES = {Severity.BLOCKER: Tone.BAD, Severity.WARNING: Tone.WARNING, Severity.INFO: Tone.FAINT}


def request(m: Material) -> Section:
    asked, say = m.file.request, m.say
    facts = [
        Fact(say("Modules", "模块"), plain(m.listed(map(m.module, asked.modules)))),
        Fact(say("Period", "期间"), plain(asked.target_period)),
        Fact(say("Cause", "原因类别"), plain(m.word(REASONS, asked.reason_code))),
        Fact(say("Reason", "事由"), plain(asked.reason)),
        Fact(say("Applicant", "申请人"), plain(m.person(asked.applicant))),
        Fact(say("On behalf of", "代何人申请"), plain(m.person(asked.on_behalf_of))),
        Fact(say("Correctors", "更正人"), plain(m.listed(map(m.person, asked.correctors)))),
        Fact(
            say("Correction window", "更正窗口"),
            plain(say(f"{asked.window_hours} h", f"{asked.window_hours} 小时")),
        ),
        Fact(say("Expedited", "加急"), plain(say("yes", "是") if asked.expedited else say("no", "否"))),
        Fact(say("Vendor ticket", "厂商工单"), plain(asked.vendor_ticket)),
        Fact(say("Acknowledgement", "确认书"), plain(asked.acknowledgement)),
        Fact(say("Reference elsewhere", "外部编号"), plain(asked.external_ref)),
    ]
    if asked.resubmitted_at:
        facts.append(Fact(say("Resubmitted", "重新提交时间"), plain(m.moment(asked.resubmitted_at))))
    return Section(say("Request", "申请"), (Facts(tuple(facts)), *_scope(m)))


def _scope(m: Material) -> Sequence[Block]:
    say = m.say
    heading = Heading(say("Documents to be changed", "拟变更单据"))
    if not m.file.request.scope:
        return (heading, nothing(m))
    columns = (
        Column(say("Document", "单据"), 30),
        Column(say("Intent", "意图"), 16),
        Column(say("Note", "说明"), 54),
    )
    rows = [
        (code(item.document), plain(m.word(INTENTS, item.intent)), plain(item.note))
        for item in m.file.request.scope
    ]
    return heading, Table(columns, tuple(rows))


def nothing(m: Material) -> Paragraph:
    """Said where a part is empty, so that nobody takes it for lost."""
    return Paragraph(m.say("None on record.", "无记录。"), Tone.FAINT)


# --------------------------------------------------------------------------- findings


def findings(m: Material) -> Section:
    say, found = m.say, m.parts("findings")
    title = say("Findings", "检查项")
    if not found:
        return Section(title, (nothing(m),))
    columns = (
        Column(say("Weight", "级别"), 10),
        Column(say("Finding and remedy", "检查项与处理办法"), 33),
        Column(say("Where", "位置"), 14),
        Column(say("Number", "数量"), 8, is_number=True),
        Column(say("Evidence", "依据"), 35),
    )
    return Section(title, (Table(columns, tuple(_finding(m, each) for each in found)),))


def _finding(m: Material, part: Part) -> tuple[Cell, ...]:
    known = FindingCode(part["code"]) if part["code"] in set(FindingCode) else None
    severity = _RULES[known].severity if known else Severity.INFO
    words = FINDINGS.get(known) if known else None
    says = [words.title.in_(m.language), words.remedy.in_(m.language)] if words else [str(part["code"])]
    where = " ".join(filter(None, (m.module(part["module"]) if part["module"] else "", part["period"] or "")))
    return (
        plain(m.word(SEVERITIES, severity), _SEVERITY_TONES[severity]),
        plain("\n".join(says)),
        plain(where),
        plain(m.number(part["count"])),
        plain("\n".join(_evidence(m, part))),
    )


def _evidence(m: Material, part: Part) -> list[str]:
    rows = [
        " · ".join((row["what"], *(f"{m.measure(name)} {value}" for name, value in row["facts"])))
        for row in part["rows"][:_ROWS_OF_A_FINDING]
    ]
    more = part["count"] - len(rows)
    if part["rows"] and more > 0:
        rows.append(m.say(f"and {more} more", f"另有 {more} 项"))
    return rows


# --------------------------------------------------------------------------- consent


def consent(m: Material) -> Section:
    say = m.say
    blocks: list[Block] = [
        Heading(say("Levels resolved for this case", "本案审批链")),
        _chain(m),
        Heading(say("What people decided", "审批意见")),
        _decisions(m),
        Heading(say("Joint authorisation", "联合授权")),
        _confirmations(m),
    ]
    digests = list(dict.fromkeys(e.data["digest"] for e in _signed(m) if e.data.get("digest")))
    if digests:
        note = say(
            "Each consent is bound to the digest of plan, modules and periods, findings, policies:",
            "每项意见均绑定于计划、模块与期间、检查项与各项策略的摘要：",
        )
        blocks += [
            Heading(say("Digests in full", "摘要全文")),
            Paragraph(note),
            Facts(tuple(Fact(str(digest)[:16], code(digest)) for digest in digests)),
        ]
    return Section(say("Consent", "审批与授权"), tuple(blocks))


def _chain(m: Material) -> Block:
    say, levels = m.say, m.parts("chain")
    if not levels:
        return nothing(m)
    columns = (
        Column("#", 5),
        Column(say("Level", "审批级"), 18),
        Column(say("Who is asked", "审批人"), 37),
        Column(say("Mode", "方式"), 16),
        Column(say("Why", "适用条件"), 24),
    )
    return Table(columns, tuple(_level(m, level) for level in levels))


def _level(m: Material, level: Part) -> tuple[Cell, ...]:
    ways = [
        say_and(
            m, [f"{m.group(d['group'])} {d['need']}：{m.listed(map(m.person, d['persons']))}" for d in way]
        )
        for way in level["ways"]
    ]
    return (
        plain(level["n"]),
        plain(m.group(level["name"])),
        plain(m.say("; or ", "；或 ").join(ways)),
        plain(m.word(MODES, level["mode"])),
        plain(m.say("always", "始终") if level["why"] == "always" else level["why"]),
    )


def say_and(m: Material, words: Sequence[str]) -> str:
    return m.say(" and ", " 且 ").join(words)


_ON_LEVELS = (
    EventKind.DECIDED,
    EventKind.TRANSFERRED,
    EventKind.SIGN_ADDED,
    EventKind.COMMENTED,
    EventKind.DECISIONS_VOID,
    EventKind.RESUBMITTED,
    EventKind.WITHDRAWN,
)


def _signed(m: Material) -> list[CaseEvent]:
    return m.of_kind(EventKind.DECIDED, EventKind.CONFIRMED)


def _decisions(m: Material) -> Block:
    told = m.of_kind(*_ON_LEVELS)
    if not told:
        return nothing(m)
    return Table(_who_and_when(m), tuple(_decision(m, event) for event in told))


def _who_and_when(m: Material) -> tuple[Column, ...]:
    say = m.say
    return (
        Column(say("When", "时间"), 17),
        Column(say("Who", "何人"), 13),
        Column(say("On behalf of", "代何人"), 11),
        Column(say("For", "审批级"), 18),
        Column(say("What", "意见"), 11),
        Column(say("Comment", "留言"), 16),
        Column(say("On digest", "所依摘要"), 14),
    )


def _decision(m: Material, event: CaseEvent) -> tuple[Cell, ...]:
    data = facts_of(event)
    answer = str(data.get("answer", ""))
    tone = {"approve": Tone.GOOD, "reject": Tone.BAD, "return": Tone.WARNING}.get(answer, Tone.PLAIN)
    what = m.answer(answer) if answer else m.event_name(event.kind)
    return (
        plain(m.moment(event.at)),
        plain(m.person(event.actor)),
        plain(m.person(event.on_behalf_of)),
        plain(m.group(data.get("name") or m.none)),
        plain(what, tone),
        plain(_said(m, event)),
        short(data.get("digest")),
    )


def _said(m: Material, event: CaseEvent) -> str:
    """The comment, whom something went to, and from where the person spoke."""
    data = facts_of(event)
    to = data.get("to") or m.listed(map(m.person, data.get("persons") or ()))
    facts = [
        str(data.get("comment") or data.get("because") or ""),
        f"→ {to}" if data.get("to") or data.get("persons") else "",
        m.say(f"from {data['from_where']}", f"来自 {data['from_where']}") if data.get("from_where") else "",
    ]
    return " · ".join(fact for fact in facts if fact)


def _confirmations(m: Material) -> Block:
    told = m.of_kind(EventKind.CONFIRMED, EventKind.CONFIRMATION_LAPSED)
    if not told:
        return nothing(m)
    return Table(_who_and_when(m), tuple(_confirmation(m, event) for event in told))


def _confirmation(m: Material, event: CaseEvent) -> tuple[Cell, ...]:
    lapsed = event.kind == EventKind.CONFIRMATION_LAPSED
    return (
        plain(m.moment(event.at)),
        plain(m.person(event.actor)),
        plain(m.person(event.on_behalf_of)),
        plain(m.group(event.data.get("group") or m.none)),
        plain(m.event_name(event.kind), Tone.WARNING if lapsed else Tone.GOOD),
        plain(_said(m, event)),
        short(event.data.get("digest")),
    )
