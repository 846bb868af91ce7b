"""What people changed in the window, and what that did to documents and balances."""

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
from service.reports.material import Material, Part, code, plain
from service.reports.wish import nothing
from service.reports.words import ACTIONS
from workflows.domain.case import EventKind

LONGEST = 600
"""Rows of one table; what is beyond is counted, and stands whole in the evidence."""
_FIELDS = 6
"""Fields told of one document."""

_TONES = {"added": Tone.GOOD, "deleted": Tone.BAD, "gone": Tone.BAD}


def corrections(m: Material) -> Section:
    """The ledger's own log of the window, and what was explained beside the declared scope."""
    say, told = m.say, m.parts("changes")
    blocks: list[Block] = [Heading(say("The ledger's own log of the window", "窗口期内账套日志"))]
    columns = (
        Column(say("When", "时间"), 18),
        Column(say("Who", "何人"), 14),
        Column(say("Document", "单据"), 18),
        Column(say("What", "操作"), 9),
        Column(say("Fields: before → after", "字段：变更前 → 变更后"), 41),
    )
    if told:
        rows = tuple(_change(m, change) for change in told[:LONGEST])
        blocks.append(Table(columns, rows, _left_out(m, len(told) - len(rows))))
    else:
        blocks.append(nothing(m))
    return Section(say("Corrections", "更正"), (*blocks, *_explained(m)))


def _change(m: Material, change: Part) -> tuple[Cell, ...]:
    return (
        plain(m.moment(change["at"])),
        plain(m.person(change["person"])),
        code(change["document"]),
        plain(m.word(ACTIONS, change["action"]), _TONES.get(change["action"], Tone.PLAIN)),
        plain("\n".join(filter(None, (*_fields(m, change["fields"]), change.get("note", ""))))),
    )


def _fields(m: Material, fields: Sequence[Part], more: int = 0) -> list[str]:
    told = [
        " ".join(
            filter(None, (f"#{f['line']}" if f["line"] else "", f"{m.measure(f['name'])} {_moved(m, f)}"))
        )
        for f in fields[:_FIELDS]
    ]
    left = len(fields) - len(told) + more
    return [*told, m.say(f"and {left} more fields", f"另有 {left} 个字段")] if left else told


def _moved(m: Material, fact: Part) -> str:
    return f"{fact['before'] or m.none} → {fact['after'] or m.none}"


def _left_out(m: Material, count: int) -> str:
    if count <= 0:
        return ""
    return m.say(f"{count:,} more rows stand in the evidence.", f"另有 {count:,} 行，见证据包。")


def _explained(m: Material) -> list[Block]:
    undeclared = m.parts("undeclared")
    heading = Heading(m.say("Changes beside the declared scope", "申报范围之外的变更"))
    if not undeclared:
        return [heading, nothing(m)] if m.parts("changes") else []
    documents = dict.fromkeys(str(change["document"]) for change in undeclared)
    facts = [Fact(m.say("Documents", "单据"), plain(m.listed(documents)))]
    for event in m.of_kind(
        EventKind.EXPLAINED, EventKind.EXPLANATION_CONFIRMED, EventKind.EXPLANATION_RETURNED
    ):
        said = f"{m.moment(event.at)} · {m.actor(event)} · {event.data.get('comment', '')}"
        facts.append(Fact(m.event_name(event.kind), plain(said)))
    return [heading, Facts(tuple(facts))]


# --------------------------------------------------------------------------- differences


def differences(m: Material) -> Section:
    say, told = m.say, m.part("difference")
    title = say("Differences", "差异")
    if not told:
        why = m.of_kind(EventKind.NOT_COMPARED)
        text = say("The difference could not be computed.", "未能生成差异报告。")
        return Section(title, (Paragraph(text, Tone.WARNING) if why else nothing(m),))
    return Section(title, (_figures(m, told), *_documents(m, told), *_net(m, told), *_balances(m, told)))


def _figures(m: Material, told: Part) -> Facts:
    say, counts, whole = m.say, told["actions"], told["artefact"]
    documents = " · ".join(f"{m.word(ACTIONS, name)} {m.number(count)}" for name, count in counts.items())
    facts = [
        Fact(say("Documents and vouchers", "单据与凭证"), plain(documents)),
        Fact(
            say("Changed past the ERP", "绕过 ERP 的改动"),
            plain(m.listed(told["unlogged"]), Tone.BAD if told["unlogged"] else Tone.GOOD),
        ),
        Fact(say("Changed and changed back", "改后又改回"), plain(m.listed(told["without_effect"]))),
    ]
    if whole:
        lines = m.number(whole["lines"])
        facts.append(
            Fact(
                say("Whole difference", "完整差异"),
                code(say(f"{lines} lines", f"{lines} 行") + f" · SHA-256 {whole['sha256']}"),
            )
        )
    return Facts(tuple(facts))


def _documents(m: Material, told: Part) -> list[Block]:
    say, items = m.say, told["documents"]
    heading = Heading(say("Documents, field by field", "单据逐字段差异"))
    if not items:
        return [heading, nothing(m)]
    columns = (
        Column(say("Document", "单据"), 24),
        Column(say("Where", "位置"), 16),
        Column(say("What", "变化"), 9),
        Column(say("Fields: before → after", "字段：之前 → 之后"), 51),
    )
    rows = tuple(
        (
            code(item["document"]),
            plain(f"{m.module(item['module'])} {item['period']}"),
            plain(m.word(ACTIONS, item["action"]), _TONES.get(item["action"], Tone.PLAIN)),
            plain("\n".join(_fields(m, item["fields"], item["more_fields"]))),
        )
        for item in items[:LONGEST]
    )
    return [heading, Table(columns, rows, _left_out(m, sum(told["actions"].values()) - len(rows)))]


def _net(m: Material, told: Part) -> list[Block]:
    say, net = m.say, told["net"]
    heading = Heading(say("Net effect by module and period", "按模块与期间的净影响"))
    if not net:
        return [heading, nothing(m)]
    columns = (
        Column(say("Module", "模块"), 30),
        Column(say("Period", "期间"), 20),
        Column(say("Measure", "项目"), 30),
        Column(say("Change", "净变动"), 20, is_number=True),
    )
    rows = tuple(
        (
            plain(m.module(n["module"])),
            plain(n["period"]),
            plain(m.measure(n["measure"])),
            plain(n["amount"], Tone.BAD if str(n["amount"]).startswith("-") else Tone.PLAIN),
        )
        for n in net[:LONGEST]
    )
    return [heading, Table(columns, rows, _left_out(m, len(net) - len(rows)))]


def _balances(m: Material, told: Part) -> list[Block]:
    say, rows = m.say, told["balances"]["rows"]
    heading = Heading(say("Balances, row by row", "余额逐行差异"))
    if not rows:
        return [heading, nothing(m)]
    columns = (
        Column(say("Where", "位置"), 18),
        Column(say("Row", "明细"), 24),
        Column(say("What", "变化"), 9),
        Column(say("Before → after", "之前 → 之后"), 49),
    )
    shown = tuple(_balance(m, row) for row in rows[:LONGEST])
    return [heading, Table(columns, shown, _left_out(m, told["balances"]["more"] + len(rows) - len(shown)))]


def _balance(m: Material, row: Part) -> tuple[Cell, ...]:
    place = row["place"]
    return (
        plain(f"{m.module(place['module'])} {place['period']}"),
        plain(" · ".join(f"{m.measure(name)} {value}" for name, value in row["key"])),
        plain(m.word(ACTIONS, row["change"]), _TONES.get(row["change"], Tone.PLAIN)),
        plain("\n".join(f"{m.measure(f['name'])} {_moved(m, f)}" for f in row["facts"])),
    )
