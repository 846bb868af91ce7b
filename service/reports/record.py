"""What the report rests on: proofs, the chain of events, who signed, and every event."""

import hashlib
import json

from activities.report.document import (
    Block,
    Cell,
    Column,
    Fact,
    Facts,
    Paragraph,
    Section,
    SignatureLine,
    Signatures,
    Table,
    Tone,
)
from service.reports.chain import verify
from service.reports.material import Material, code, plain, short
from service.reports.wish import nothing
from service.reports.words import MOMENTS
from workflows.domain.case import CaseEvent, EventKind

_EVENTS = 2000
"""Events listed; more than that stand in the attached record."""
_DATA = 160
"""Letters of an event's facts."""


def proofs(m: Material) -> Section:
    say = m.say
    title = say("Proof of balances", "余额证明")
    known = [(name, m.part(f"proof_{name}")) for name in MOMENTS if m.part(f"proof_{name}")]
    if not known:
        return Section(title, (nothing(m),))
    columns = (
        Column(say("Moment", "时点"), 22),
        Column(say("Leaves", "叶数"), 10, is_number=True),
        Column(say("Rows", "行数"), 12, is_number=True),
        Column(say("Root", "根摘要"), 56),
    )
    rows = tuple(
        (
            plain(m.moment_of_proof(name)),
            plain(len(proof["leaves"])),
            plain(m.number(sum(leaf["rows"] for leaf in proof["leaves"]))),
            code(proof["root"]),
        )
        for name, proof in known
    )
    note = say(
        "One leaf for each module and period, over every balance row; a root binds all leaves.",
        "每个模块、每个期间为一叶，涵盖全部余额行；根摘要绑定所有叶。",
    )
    moved = [_place(m, place) for place in m.parts("moved")]
    facts = Facts((Fact(say("Leaves that differ before and after", "前后不同的叶"), plain(m.listed(moved))),))
    return Section(title, (Table(columns, rows, note), facts))


def _place(m: Material, place: object) -> str:
    module, _, period = str(place).partition(" ")
    return f"{m.module(module)} {period}"


def trail(m: Material, record: str) -> Section:
    """The chain of events, walked along anew, and the record that this report was made from."""
    say, found, sealed = m.say, verify(m), m.part("evidence")
    facts = [
        Fact(say("Events", "事件数"), plain(m.number(found.events))),
        Fact(say("Verdict", "核验结论"), plain(*found.verdict(m))),
        Fact(say("Head digest", "链首摘要"), code(found.head)),
        Fact(
            say("Attached record, SHA-256", "所附记录 SHA-256"),
            code(hashlib.sha256(record.encode()).hexdigest()),
        ),
        Fact(say("Sealed evidence", "封存证据"), code(sealed.get("path"))),
        Fact(say("Its SHA-256", "证据 SHA-256"), code(sealed.get("sha256"))),
        Fact(say("Policy", "审批策略"), code(m.file.parts.get("policy_version"))),
    ]
    text = say(
        "Each event carries the digest of the one before it, so that the head digest binds all of them:"
        " change, leave out or insert one, and it no longer follows. Compare the head with the checkpoint.",
        "每个事件都带有前一事件的摘要，链首摘要因此绑定全部事件：任何改动、删除或插入都会使其不再相符。"
        "请将链首摘要与当日检查点核对。",
    )
    return Section(say("Audit trail", "审计链"), (Paragraph(text), Facts(tuple(facts))))


# --------------------------------------------------------------------------- signatures


def signatures(m: Material) -> Section:
    say = m.say
    lines = [
        SignatureLine(
            say("Applicant", "申请人"),
            m.person(m.file.request.applicant),
            say(
                f"accepted {m.moment(m.file.request.accepted_at)}",
                f"受理于 {m.moment(m.file.request.accepted_at)}",
            ),
        )
    ]
    lines += [_line(m, event) for event in m.of_kind(EventKind.DECIDED, EventKind.CONFIRMED)]
    lines.append(SignatureLine(say("Reviewed by (audit)", "审计复核"), "", ""))
    text = say(
        "The electronic acts below are on record under the digests shown; the lines are for filing on paper.",
        "以下电子意见已按所示摘要记录在案；横线供需纸质归档时签署。",
    )
    block = Signatures(tuple(lines), signature=say("signature", "签字"), date=say("date", "日期"))
    return Section(say("Signatures", "签署"), (Paragraph(text), block), own_page=True)


def _line(m: Material, event: CaseEvent) -> SignatureLine:
    data = event.data
    if event.kind == EventKind.CONFIRMED:
        role, said = f"{m.say('Authorised for', '授权')} {m.group(data.get('group'))}", ""
    else:
        role, said = f"{m.say('Level', '审批级')} {m.group(data.get('name'))}", m.answer(data.get("answer"))
    digest = str(data.get("digest") or "")[:16]
    facts = (said, m.moment(event.at), m.say(f"digest {digest}", f"摘要 {digest}") if digest else "")
    return SignatureLine(role, m.actor(event), " · ".join(fact for fact in facts if fact))


# --------------------------------------------------------------------------- appendix


def events(m: Material) -> Section:
    say = m.say
    columns = (
        Column("#", 5),
        Column(say("When", "时间"), 21),
        Column(say("Who", "何人"), 15),
        Column(say("What", "事件"), 14),
        Column(say("Facts", "内容"), 31),
        Column(say("Digest", "摘要"), 17),
    )
    shown = m.events[:_EVENTS]
    rows = tuple(_event(m, event) for event in shown)
    left = len(m.events) - len(shown)
    note = (
        say(f"{left} more events stand in the attached record.", f"另有 {left} 个事件，见所附记录。")
        if left
        else ""
    )
    blocks: tuple[Block, ...] = (Table(columns, rows, note),) if rows else (nothing(m),)
    return Section(say("Appendix: every event", "附录：全部事件"), blocks, own_page=True)


def _event(m: Material, event: CaseEvent) -> tuple[Cell, ...]:
    return (
        plain(event.seq),
        code(m.moment(event.at, finely=True)),
        plain(m.actor(event)),
        plain(m.event_name(event.kind)),
        code(_facts(m, event), Tone.FAINT),
        short(event.digest),
    )


def _facts(m: Material, event: CaseEvent) -> str:
    if event.kind == EventKind.STATE_CHANGED:
        return f"{m.state_name(event.data.get('from'))} → {m.state_name(event.data.get('to'))}"
    told = json.dumps(event.data, ensure_ascii=False, sort_keys=True, separators=(", ", ": "))[1:-1]
    return told if len(told) <= _DATA else told[: _DATA - 1] + "…"
