"""Turns what the register and the rules know into the bodies that are sent."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from activities.lease_watching import HeldLease
from service import schemas as s
from service.dry_run import Forecast
from service.jiandaoyun.records import FormShown
from service.knowledge.for_tasks import knowledge_for
from service.knowledge.library import Article
from service.ledger_book import LedgerConfiguration
from service.policies import PolicyVersion
from service.policy_text import write_policy
from service.queries import CaseHead, DecisionView, TaskView, Viewer
from service.texts import FINDINGS, TASK_KINDS, WHYS, Language
from workflows.domain.case import CaseEvent, CaseNow
from workflows.domain.digest import Json, to_json
from workflows.domain.findings import CATALOGUE, FindingCode, Risk
from workflows.domain.ledger import CloseState, Module
from workflows.domain.plan import Why
from workflows.domain.policy import ApprovalPolicy
from workflows.domain.request import CaseState, UncloseRequest

API = "/api/v1"

_RULES = {rule.code: rule for rule in CATALOGUE}

Document = Mapping[str, Any]  # Any: JSON as it was put on record


def links(case: str) -> s.CaseLinks:
    here = f"{API}/requests/{case}"
    return s.CaseLinks(self=here, timeline=f"{here}/timeline", tasks=f"{API}/tasks?request={case}")


def newly_taken(request: UncloseRequest, state: CaseState) -> CaseHead:
    """A case whose row is not written yet."""
    return CaseHead(request, state, None, None, (), None, None, request.accepted_at, last_seq=0)


def case(head: CaseHead) -> s.CaseOut:
    return s.CaseOut(**_case(head))


def case_detail(
    head: CaseHead, decisions: Iterable[DecisionView] = (), restored: Json = None
) -> s.CaseDetailOut:
    request = head.request
    return s.CaseDetailOut(
        **_case(head),
        modules=list(request.modules),
        reason_code=request.reason_code,
        reason=request.reason,
        scope=[
            s.ScopeItemOut(document=item.document, intent=item.intent, note=item.note)
            for item in request.scope
        ],
        correctors=list(request.correctors),
        window_hours=request.window_hours,
        expedited=request.expedited,
        vendor_ticket=request.vendor_ticket,
        acknowledgement=request.acknowledgement,
        external_ref=request.external_ref,
        on_behalf_of=request.on_behalf_of,
        decisions=[s.DecisionOut(**vars(decision)) for decision in decisions],
        restored=s.RestoredOut(**restored) if isinstance(restored, dict) else None,
    )


def _case(head: CaseHead) -> dict[str, Any]:  # Any: the fields of CaseOut
    request = head.request
    return {
        "id": request.id,
        "state": head.state,
        "ledger": request.ledger,
        "target_period": str(request.target_period),
        "applicant": request.applicant,
        "digest": head.digest,
        "risk": _risk(head.risk),
        "waiting_for": list(head.waiting_for),
        "clock_a_seconds": _seconds(head.clock_a_ms),
        "clock_b_seconds": _seconds(head.clock_b_ms),
        "created_at": request.accepted_at.astimezone(UTC),
        "updated_at": head.updated_at.astimezone(UTC),
        "links": links(request.id),
    }


def _risk(risk: str | None) -> Risk | None:
    return Risk(risk) if risk else None


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def act(now: CaseNow) -> s.ActOut:
    return s.ActOut(id=now.case, state=now.state, digest=now.digest, waiting_for=list(now.waiting_for))


def event(recorded: CaseEvent) -> s.EventOut:
    return s.EventOut(
        seq=recorded.seq,
        at=recorded.at,
        actor=recorded.actor,
        on_behalf_of=recorded.on_behalf_of,
        kind=recorded.kind,
        data=recorded.data,
        digest_of_previous=recorded.digest_of_previous,
    )


def form(shown: FormShown | None) -> s.FormShownOut | None:
    if shown is None:
        return None
    return s.FormShownOut(
        record=shown.reference,
        shown=dict(shown.shown),
        shown_at=shown.at,
        mirrored=[s.MirroredOut(**vars(one)) for one in shown.mirrored],
    )


# --------------------------------------------------------------------------- plans


def plan(head: CaseHead, parts: Document, language: Language) -> s.PlanOut:
    """The plan of a case, from the parts on record."""
    return s.PlanOut(
        digest=head.digest,
        risk=_risk(head.risk),
        steps=steps(parts["plan"], language),
        findings=[_finding(part, language) for part in parts.get("findings", ())],
        policy_version=parts.get("policy_version"),
        chain=[_level(level) for level in parts.get("chain", ())],
        rehearsal=_whole_rehearsal(parts.get("rehearsal")),
    )


def _whole_rehearsal(part: Document | None) -> s.WholeRehearsalOut | None:
    if part is None:
        return None
    movements = [s.MovementOut(**movement) for movement in part.get("movements", ())]
    return s.WholeRehearsalOut(**_rehearsal(part), movements=movements)


def _rehearsal(part: Document) -> dict[str, Any]:  # Any: the fields of RehearsalOut
    return {name: part.get(name) for name in s.RehearsalOut.model_fields}


def steps(part: Document | None, language: Language) -> list[s.PlanStepOut]:
    found: Iterable[Document] = (part or {}).get("steps", ())
    return [s.PlanStepOut(**{**step, "why": WHYS[Why(step["why"])].in_(language)}) for step in found]


def _finding(part: Document, language: Language) -> s.FindingOut:
    code = FindingCode(part["code"])
    words, rule = FINDINGS[code], _RULES[code]
    return s.FindingOut(
        code=code,
        severity=rule.severity,
        owner=rule.owner,
        title=words.title.in_(language),
        remedy=words.remedy.in_(language),
        count=part["count"],
        module=part["module"],
        period=part["period"],
        rows=[s.EvidenceRowOut(what=row["what"], facts=dict(row["facts"])) for row in part["rows"]],
    )


def forecast(seen: Forecast, language: Language) -> s.DryRunOut:
    return s.DryRunOut(
        digest=seen.digest,
        risk=seen.risk,
        steps=steps(_document(seen.plan), language),
        findings=[_finding(_document(finding), language) for finding in seen.findings],
        policy_version=seen.policy_version,
        chain=[_level(_document(level)) for level in seen.chain],
        rehearsal=None,
        levels=[s.PolicyLevelWhy(name=n, asked=w is not None, why=list(w or ())) for n, w in seen.levels],
        authorising_groups=list(seen.authorising),
        blocked=seen.is_blocked,
        crosses_fiscal_year=seen.crosses_year,
        blast_radius=_blast_radius(_document(seen.plan), [_document(f) for f in seen.findings]),
    )


def _blast_radius(plan: Document, findings: Iterable[Document]) -> s.BlastRadius:
    """What the opening touches: the plan's own reach, and what the ledger has counted (R63)."""
    found = next((f for f in findings if f["code"] == FindingCode.BLAST_RADIUS and f["rows"]), None)
    counted = dict(found["rows"][0]["facts"]) if found else {}
    return s.BlastRadius(
        periods=sorted({step["period"] for step in plan["steps"]}),
        modules=sorted({Module(step["module"]) for step in plan["steps"]}),
        steps=len(plan["steps"]),
        **{name: int(counted[name]) if name in counted else None for name in _COUNTED},
    )


_COUNTED = ("documents", "vouchers", "settlements")


def _document(value: object) -> Document:
    plain = to_json(value)
    assert isinstance(plain, dict)
    return plain


def _level(level: Document) -> s.LevelOut:
    demands = [demand for way in level["ways"] for demand in way]
    escalation = level["escalation"]
    return s.LevelOut(
        n=level["n"],
        name=level["name"],
        groups=list(dict.fromkeys(demand["group"] for demand in demands)),
        persons=list(dict.fromkeys(person for demand in demands for person in demand["persons"])),
        mode=level["mode"],
        ways=[[s.DemandOut(**demand) for demand in way] for way in level["ways"]],
        why=level["why"],
        deadline_hours=level["deadline_hours"],
        on_deadline=level["on_deadline"],
        escalates_to=list(escalation["persons"]) if escalation else [],
        expires_hours=level["expires_hours"],
        cc=list(level["cc"]),
    )


# --------------------------------------------------------------------------- differences


def difference(case: str, part: Document) -> s.DifferenceOut:
    """The difference report of a case, from the part on record."""
    return s.DifferenceOut(
        request=case,
        documents=_documents(part),
        balances=_balances(part["balances"]),
        net=[s.NetOut(**net) for net in part["net"]],
        unlogged=part["unlogged"],
        without_effect=part["without_effect"],
        whole=_whole(case, part["artefact"]),
    )


def _documents(part: Document) -> s.DocumentsDifferenceOut:
    counts, items = part["actions"], part["documents"]
    return s.DocumentsDifferenceOut(
        **counts, items=[_changed(item) for item in items], more=sum(counts.values()) - len(items)
    )


def _changed(item: Document) -> s.DocumentDifferenceOut:
    fields = [s.FieldChangeOut(**field) for field in item["fields"]]
    entries = [s.LogEntryOut(**entry) for entry in item["entries"]]
    return s.DocumentDifferenceOut(**{**item, "fields": fields, "entries": entries})


def _balances(located: Document) -> s.BalancesDifferenceOut:
    return s.BalancesDifferenceOut(
        places=[
            s.PlaceCountOut(
                **_place(found), added=found["added"], gone=found["gone"], changed=found["changed"]
            )
            for found in located["places"]
        ],
        items=[
            s.BalanceDifferenceOut(
                **_place(row),
                change=row["change"],
                key=dict(row["key"]),
                values=[s.ValueChangeOut(**fact) for fact in row["facts"]],
            )
            for row in located["rows"]
        ],
        more=located["more"],
    )


def _place(part: Document) -> dict[str, Any]:  # Any: two fields of a body
    return {"module": part["place"]["module"], "period": part["place"]["period"]}


def _whole(case: str, artefact: Document | None) -> s.WholeDifferenceOut | None:
    if artefact is None:
        return None
    href = f"{API}/requests/{case}/difference.jsonl"
    return s.WholeDifferenceOut(href=href, sha256=artefact["sha256"], lines=artefact["lines"])


# --------------------------------------------------------------------------- policies


def policy(version: PolicyVersion) -> s.PolicyOut:
    return s.PolicyOut(
        ledger=version.ledger,
        version=version.policy.version,
        source="configured" if version.text is None else "register",
        author=version.author,
        comment=version.comment,
        at=version.at,
        text=version.text if version.text is not None else write_policy(version.policy),
        levels=policy_levels(version.policy),
        authorising_groups=list(version.policy.authorising.groups),
        within_minutes=version.policy.authorising.within_minutes,
    )


def policy_levels(policy: ApprovalPolicy) -> list[s.PolicyLevelOut]:
    return [
        s.PolicyLevelOut(
            name=level.name,
            groups=list(level.groups),
            mode=level.mode,
            when={rule.name: rule.expression for rule in level.when},
            deadline_hours=level.deadline_hours,
            on_deadline=level.on_deadline,
            escalate_to=level.escalate_to,
            expires_hours=level.expires_hours,
            cc=list(level.cc),
        )
        for level in policy.levels
    ]


# --------------------------------------------------------------------------- tasks


def task(view: TaskView, viewer: Viewer, now: datetime, language: Language) -> s.TaskOut:
    request = view.case.request
    here = f"{API}/tasks/{view.id}"
    return s.TaskOut(
        id=view.id,
        kind=view.kind,
        name=view.name,
        title=TASK_KINDS[view.kind].in_(language),
        request=request.id,
        ledger=request.ledger,
        target_period=str(request.target_period),
        request_state=view.case.state,
        state="open" if view.is_open else "closed",
        groups=list(view.groups),
        persons=list(view.persons),
        actions=list(view.actions_for(viewer)),
        digest=view.digest,
        opened_at=view.opened_at,
        due=view.due,
        expires=view.expires,
        waiting_for=_awaited(view),
        acting_for=list(view.acting_for(viewer)) if view.is_open else [],
        cc=list(view.cc),
        age_seconds=round(((view.closed_at or now) - view.opened_at).total_seconds(), 3),
        outcome=view.outcome,
        closed_by=view.closed_by,
        closed_at=view.closed_at,
        summary=_summary(view, language),
        standing=None,
        knowledge=knowledge_links(knowledge_for(view, language)),
        links=s.TaskLinks(self=here, request=f"{API}/requests/{request.id}", actions=f"{here}/actions"),
    )


def knowledge_links(articles: Iterable[Article]) -> list[s.KnowledgeLink]:
    return [
        s.KnowledgeLink(id=article.id, title=article.title, href=f"{API}/knowledge/{article.id}")
        for article in articles
    ]


def _summary(view: TaskView, language: Language) -> s.TaskSummary:
    request = view.case.request
    return s.TaskSummary(
        applicant=request.applicant,
        reason_code=request.reason_code,
        reason=request.reason,
        modules=list(request.modules),
        risk=_risk(view.case.risk),
        steps=steps(view.plan if isinstance(view.plan, dict) else None, language),
        blast_radius=_touched(view),
        drift=view.drift if isinstance(view.drift, dict) else None,
        failure=_failure(view.attention),
        held=_held(view.attention),
        proposal=_proposal(view.attention),
        rehearsal=s.RehearsalOut(**_rehearsal(view.rehearsal)) if isinstance(view.rehearsal, dict) else None,
        instruction=_instruction(view.instruction, language),
        undeclared=_undeclared(view.undeclared),
        explanation=(s.ExplanationOut(**view.explanation) if isinstance(view.explanation, dict) else None),
        extension=s.ExtensionOut(**view.extension) if isinstance(view.extension, dict) else None,
    )


def _undeclared(changes: Json) -> list[s.UndeclaredOut]:
    told = changes if isinstance(changes, list) else []
    shown = s.UndeclaredOut.model_fields
    return [s.UndeclaredOut(**{name: change[name] for name in shown}) for change in told]


def _instruction(told: Json, language: Language) -> s.InstructionOut | None:
    if not isinstance(told, dict):
        return None
    shown = told["zh" if language == Language.ZH else "en"]
    return s.InstructionOut(**{name: shown[name] for name in shown if name != "text"}, **shown["text"])


def _awaited(view: TaskView) -> list[str]:
    """What the case waits for is what this task waits for; in the window there may be two tasks at once."""
    if view.is_open and view.case.state == CaseState.CORRECTING:
        return [*view.persons] or [*view.groups]
    return list(view.case.waiting_for) if view.is_open else []


def _touched(view: TaskView) -> s.BlastRadius | None:
    if not isinstance(view.plan, dict) or not isinstance(view.findings, list):
        return None
    return _blast_radius(view.plan, view.findings)


def _proposal(attention: Json) -> s.ProposalOut | None:
    proposal = attention.get("proposal") if isinstance(attention, dict) else None
    return s.ProposalOut(**proposal) if isinstance(proposal, dict) else None


def _held(attention: Json) -> s.HeldOut | None:
    held = attention.get("held") if isinstance(attention, dict) else None
    return s.HeldOut(**held) if isinstance(held, dict) else None


def _failure(attention: Json) -> str | None:
    failure = attention.get("failure") if isinstance(attention, dict) else None
    return f"{failure['error']}: {failure['says']}" if isinstance(failure, dict) else None


# --------------------------------------------------------------------------- ledgers


def ledger(
    configuration: LedgerConfiguration, policy: ApprovalPolicy, lease: HeldLease | None
) -> s.LedgerOut:
    profile = configuration.profile
    return s.LedgerOut(
        code=profile.code,
        name=profile.name,
        connector=configuration.connector,
        modules=list(profile.graph.modules),
        closes_before=list(profile.graph.closes_before),
        calendar=s.CalendarOut(
            periods_per_year=profile.calendar.periods_per_year, first_month=profile.calendar.first_month
        ),
        time_zone=configuration.time_zone.key,
        policy_version=policy.version,
        levels=policy_levels(policy),
        authorising_groups=list(policy.authorising.groups),
        approval_hours=profile.approval_hours,
        authorisation_hours=profile.authorisation_hours,
        max_window_hours=configuration.max_window_hours,
        at_site=profile.at_site,
        lease=s.LeaseOut(holder=lease.holder, fence=lease.fence, since=lease.since) if lease else None,
    )


def close_state(ledger: str, state: CloseState, holder: str | None, now: datetime) -> s.CloseStateOut:
    return s.CloseStateOut(
        ledger=ledger,
        read_at=now,
        held_by=holder,
        modules=[
            s.ModuleStateOut(
                module=module.module,
                start=str(module.start),
                current=str(module.current),
                locked=[str(period) for period in module.locked],
            )
            for module in state.modules
        ],
    )
