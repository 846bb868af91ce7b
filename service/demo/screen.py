"""What `unclose demo` shows: one line for each event of the case, plain when nobody watches live."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, TypeAlias

from rich.console import Console
from rich.status import Status

from workflows.domain.case import EventKind
from workflows.domain.request import FINAL_STATES, CaseState

Event: TypeAlias = Mapping[str, Any]  # Any: JSON as the API sends it
Line: TypeAlias = tuple[str, str]
"""What happened, in one or two words, and the rest of the line."""

_DIGEST = 12
"""How much of a digest people compare by eye."""


class Screen:
    """Prints a case as it happens."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began: datetime | None = None
        self._pointers: Mapping[str, str] = {}
        self._steps = 0
        """How many steps each of the two plans has."""
        self._status: Status | None = None

    def live(self) -> AbstractContextManager[object]:
        """A line at the foot that says what is going on, where there is a terminal to show it."""
        if not self.console.is_terminal:
            return nullcontext()
        self._status = self.console.status("starting")
        return self._status

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)

    def doing(self, text: str) -> None:
        """What is going on now: the foot line, or nothing where lines cannot be replaced."""
        if self._status is not None:
            self._status.update(text)

    def starts_from(self, pointers: Mapping[str, str]) -> None:
        """The current period of every module before the case."""
        self._pointers = pointers

    def received(self, case: Event) -> None:
        """The request was taken; the clock starts."""
        self._print(case["created_at"], ("received", f"{case['id']} by {case['applicant']}"), "bold cyan")

    def show(self, event: Event) -> None:
        """Print an event, unless it is of no interest to a spectator."""
        line = self._line(event)
        if line is not None:
            style = "bold cyan" if event["kind"] == EventKind.STATE_CHANGED else "default"
            self._print(event["at"], line, style)

    def corrected(self, document: str, before: str, after: str) -> None:
        """An ERP user has changed a document; the ledger's own log tells it to the case later."""
        self.say(f"{'':11}{'  correction':<17}  {document}: quantity {before} → {after}, by clerk in the ERP")

    def _print(self, at: str, line: Line, style: str) -> None:
        moment = datetime.fromisoformat(at)
        self._began = self._began or moment
        seconds = (moment - self._began).total_seconds()
        self.say(f"{seconds:7.2f} s  [{style}]{line[0]:<17}[/]  {line[1]}")

    def _line(self, event: Event) -> Line | None:
        if event["kind"] == EventKind.PLAN_MADE:
            self._steps = event["data"]["steps"]
        teller = _TELLERS.get(EventKind(event["kind"]))
        if teller is not None:
            return teller(event)
        if event["kind"] == EventKind.STEP_DONE:
            return self._step(event["data"])
        return None

    def _step(self, data: Mapping[str, Any]) -> Line:
        """A step with its read-back: where every module stands now, the one that moved in bold."""
        before, self._pointers = self._pointers, data["pointers"]
        read = " ".join(
            f"[bold]{module} {before.get(module, '?')}→{period}[/]"
            if before.get(module) != period
            else f"[dim]{module} {period}[/]"
            for module, period in self._pointers.items()
        )
        done = f"{data['verb']} {data['module']} {data['period']}"
        return (f"  step {data['n']}/{self._steps}", f"{done} ✓ read back: {read}")


def _state(event: Event) -> Line:
    because = event["data"].get("because")
    return (event["data"]["to"], "" if because is None else f"because {_sentence(because)}")


def _sentence(because: object) -> str:
    return str(because.get("says", because)) if isinstance(because, Mapping) else str(because)


def _plan(event: Event) -> Line:
    data = event["data"]
    return ("  plan", f"{data['steps']} steps, risk {data['risk']}, digest {_short(data['digest'])}")


def _decision(event: Event) -> Line:
    return ("  decision", f"{event['actor']}: {event['data'].get('answer', '')} ✓")


def _confirmation(event: Event) -> Line:
    return ("  authorisation", f"{event['actor']} ✓ for {event['data'].get('group', '')}")


def _backup(event: Event) -> Line:
    data = event["data"]
    size = f"{data['bytes'] / 1024:,.0f} KiB"
    proven = f"restored and proven in {data['restore_milliseconds']} ms, root {_short(data['root'])}"
    return (f"  backup {data['point']}", f"{size}, {proven}")


def _isolated(event: Event) -> Line:
    ended = ", ".join(event["data"]["ended"]) or "nobody"
    return ("  isolated", f"sessions ended: {ended}; fence {event['data']['fence']}")


def _proof(event: Event) -> Line:
    data = event["data"]
    return ("  proof", f"{data['moment']}: {data['leaves']} leaves, root {_short(data['root'])}")


def _window(event: Event) -> Line:
    data = event["data"]
    return ("  window", f"open to {', '.join(data['persons'])} until {data['until'][:16]}")


def _finished(event: Event) -> Line:
    return ("  window", f"{event['data']['because']}, says {event['actor']}")


def _sealed(event: Event) -> Line:
    return ("  evidence", f"{event['data']['path']}, SHA-256 {_short(event['data']['sha256'])}")


def _failed(event: Event) -> Line:
    return ("  failed", _sentence(event["data"]["failure"]))


_TELLERS: Mapping[EventKind, Callable[[Event], Line]] = {
    EventKind.STATE_CHANGED: _state,
    EventKind.PLAN_MADE: _plan,
    EventKind.DECIDED: _decision,
    EventKind.CONFIRMED: _confirmation,
    EventKind.BACKED_UP: _backup,
    EventKind.ISOLATED: _isolated,
    EventKind.PROVEN: _proof,
    EventKind.WINDOW_OPENED: _window,
    EventKind.WINDOW_CLOSED: _finished,
    EventKind.SEALED: _sealed,
    EventKind.STEP_FAILED: _failed,
    EventKind.ATTENTION_NEEDED: _failed,
}

OVER = FINAL_STATES | {CaseState.ATTENTION}
"""Where the show is over; only `completed` is a good end."""


def _short(digest: str) -> str:
    return digest[:_DIGEST]
