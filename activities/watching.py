"""The back-door watch: looks at a ledger, and raises an alarm for what no case has moved (R3, R63)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from activities.erp.connector import LedgerConnector
from activities.ledgers import Ledgers
from activities.proof import prove_documents, prove_ledger
from activities.recording import Profiles, Register
from workflows.domain.approval import Group
from workflows.domain.case import TaskKind
from workflows.domain.digest import Json, to_json
from workflows.domain.ledger import CloseState
from workflows.domain.period import FiscalCalendar
from workflows.domain.proof import Proof
from workflows.domain.standing import AlarmCode, StandingTask
from workflows.domain.watch import Movement, Opened, Sighting, ordinary, remembered, unaccounted
from workflows.periodic_steps import JobDone, JobOrder, Prepared

MOST_LINES = 20
"""Lines of the ERP's log that are told with an alarm."""


@dataclass(frozen=True)
class Known:
    """What the watch knows of a ledger, since when, and how far the ERP's log was read."""

    run: str
    at: datetime
    fence: int
    mark: str
    sighting: Sighting


class WatchRegister(Protocol):
    """Where the watch keeps what it knows. One call is one transaction."""

    async def known(self, ledger: str) -> Known | None: ...

    async def opened_since(self, ledger: str, fence: int) -> Opened | None:
        """What cases have opened that took the lease with a higher fence; none if none is on record."""

    async def keep(
        self, ledger: str, before: Known | None, now: Known, alarms: Sequence[StandingTask]
    ) -> tuple[str, ...]:
        """Replace what is known and raise the alarms, or neither if another run has been quicker."""


class Watch:
    """Looks only while no case holds the ledger: what a case moves, it proves itself."""

    def __init__(
        self, ledgers: Ledgers, profiles: Profiles, register: Register, memory: WatchRegister
    ) -> None:
        self.ledgers, self.profiles = ledgers, profiles
        self.register, self.memory = register, memory

    async def prepare(self, order: JobOrder) -> Prepared:
        """Whether nobody holds the ledger, under which fence, and from where the ERP's log is to be read."""
        ledger = str(order.ledger)
        lease = await self.register.lease(ledger)
        if lease.holder is not None:
            return Prepared(None, go_on=False, facts={"held_by": lease.holder})
        known = await self.memory.known(ledger)
        told: dict[str, Json] = {"fence": lease.fence, "mark": None, "since": None}
        if known is not None:
            told.update(mark=known.mark, since=known.at.isoformat())
        return Prepared(told)

    async def look(self, order: JobOrder) -> Json:
        """Pointers, locks, the digest of every closed period, and the ERP's log since the last look."""
        connector, began = self.ledgers.connector(str(order.ledger)), datetime.now(UTC)
        assert isinstance(order.before, dict)
        state = await connector.read_close_state()
        calendar = self.profiles.profile(str(order.ledger)).calendar
        closed = _closed(state, calendar)
        reads_documents = (await connector.capabilities()).can_read_documents
        documents = await prove_documents(connector, calendar) if reads_documents else None
        sighting = Sighting(
            pointers={str(m): str(period) for m, period in state.pointers().items()},
            locks=tuple(f"{each.module} {period}" for each in state.modules for period in each.locked),
            balances=_digests(await prove_ledger(connector), closed),
            documents={} if documents is None else _digests(documents, closed),
            revision=state.revision,
        )
        again = await connector.read_close_state()
        lines = await _log(connector, order.before.get("mark"), order.before.get("since"))
        return {
            "sighting": to_json(sighting),
            "at": began.isoformat(),
            "steady": again.pointers() == state.pointers(),
            "mark": await connector.mark(),
            "log": lines,
        }

    async def judge(self, order: JobOrder) -> JobDone:
        """Compare with what is known; the alarms and what is known from now on are written together."""
        ledger, seen, before = str(order.ledger), order.seen, order.before
        assert isinstance(seen, dict)
        assert isinstance(before, dict)
        lease = await self.register.lease(ledger)
        if lease.holder is not None or lease.fence != before["fence"] or not seen["steady"]:
            # Something moved while we looked; the next run sees it whole.
            return JobDone({"interrupted": lease.holder or "moved while it was read"})
        known, sighting = await self.memory.known(ledger), read_sighting(seen["sighting"])
        seen_at = datetime.fromisoformat(str(seen["at"]))
        at = Known(order.run, seen_at, lease.fence, str(seen["mark"]), sighting)
        if known is None:
            await self.memory.keep(ledger, None, at, ())
            return JobDone({"first_look": True, "closed_periods": len(sighting.balances)})
        opened = None
        if lease.fence != known.fence:
            opened = await self.memory.opened_since(ledger, known.fence)
        moved = unaccounted(known.sighting, sighting, opened)
        log = seen["log"] if isinstance(seen["log"], list) else []
        alarms = [_alarm(order, movement, log, (known.at, seen_at)) for movement in moved]
        keeps = Known(at.run, at.at, at.fence, at.mark, remembered(known.sighting, sighting, opened))
        raised = await self.memory.keep(ledger, known, keeps, alarms)
        return JobDone(
            {
                "alarms": list(raised),
                "moved_forward": dict(ordinary(known.sighting, sighting)),
                "opened_by_cases": sorted(opened.places) if opened else [],
            }
        )


def read_sighting(document: Json) -> Sighting:
    """A sighting as it was kept."""
    assert isinstance(document, dict)
    return Sighting(
        pointers=_texts(document["pointers"]),
        locks=tuple(str(place) for place in _list(document["locks"])),
        balances=_texts(document["balances"]),
        documents=_texts(document["documents"]),
        revision=str(document["revision"]),
    )


def _texts(document: Json) -> Mapping[str, str]:
    assert isinstance(document, dict)
    return {key: str(value) for key, value in document.items()}


def _list(document: Json) -> list[Json]:
    assert isinstance(document, list)
    return document


def _closed(state: CloseState, calendar: FiscalCalendar) -> tuple[str, ...]:
    """Every place that is closed, also where nothing was ever booked."""
    return tuple(
        f"{each.module} {period}"
        for each in state.modules
        for period in calendar.span(each.start, calendar.previous(each.current))
    )


def _digests(proof: Proof, closed: tuple[str, ...]) -> dict[str, str]:
    """Of every closed place, empty where there are no rows: what appears there later is noticed."""
    found = {leaf.place: leaf.digest for leaf in proof.leaves}
    return {place: found.get(place, "") for place in closed}


async def _log(connector: LedgerConnector, mark: Json, since: Json) -> list[Json]:
    """What the ERP itself has on record since the last look: movements and changes of documents."""
    if mark is None:
        return []
    acts = [act for act in await connector.journal("") if act.at.isoformat() >= str(since)]
    lines: list[Json] = [
        {"at": act.at.isoformat(), "person": act.person, "says": act.act, "place": _place(act.act)}
        for act in acts[-200:]
    ]
    if (await connector.capabilities()).can_read_changes:
        for change in (await connector.changes_since(str(mark)))[-500:]:
            says = f"{change.action} {change.document}"
            place = f"{change.module} {change.period}"
            lines.append({"at": change.at.isoformat(), "person": change.person, "says": says, "place": place})
    return sorted(lines, key=lambda line: str(line["at"]) if isinstance(line, dict) else "")


def _place(act: str) -> str:
    return act.partition(" ")[2]


def _alarm(
    order: JobOrder, movement: Movement, log: list[Json], between: tuple[datetime, datetime]
) -> StandingTask:
    """Given to the head of finance: whoever can write into the database sits with IT."""
    around = [line for line in log if isinstance(line, dict) and _is_about(str(line["place"]), movement)]
    facts: dict[str, Json] = {
        "places": list(movement.places),
        "was": list(movement.was),
        "now": list(movement.now),
        "since": between[0].isoformat(),
        "seen_at": between[1].isoformat(),
        "log": around[-MOST_LINES:],
        "log_knows": bool(around),
    }
    return StandingTask(
        subject=f"watch/{order.ledger}/{movement.code}/{order.run}",
        raised_by=order.run,
        kind=TaskKind.ATTENTION,
        code=movement.code,
        owner=Group.FINANCE_HEAD,
        ledger=order.ledger,
        facts=facts,
    )


def _is_about(place: str, movement: Movement) -> bool:
    if movement.code in (AlarmCode.POINTER_MOVED_BACK, AlarmCode.POINTER_MOVED_AND_RETURNED):
        return place.partition(" ")[0] in movement.places
    return place in movement.places
