"""What an applicant asks for, and whether the ledger allows it now: the checks before anything is written."""

from dataclasses import dataclass, replace
from datetime import datetime

from activities.recording import Directory
from service.ledger_book import LedgerBook
from service.refusals import WindowTooLong
from service.shared_read import SharedRead
from workflows.domain.case import Actor
from workflows.domain.errors import LedgerBusy, UnknownModule, UnknownPerson
from workflows.domain.ledger import CloseState, Module
from workflows.domain.period import Period
from workflows.domain.plan import Books, Plan, crosses_fiscal_year, plan_unclose
from workflows.domain.request import ReasonCode, ScopeItem, UncloseRequest, require_cross_year_consent


@dataclass(frozen=True)
class Wish:
    """A request as it was sent; not yet known to be possible."""

    ledger: str
    target_period: str
    modules: tuple[str, ...]
    reason_code: ReasonCode
    reason: str
    scope: tuple[ScopeItem, ...] = ()
    correctors: tuple[str, ...] = ()
    window_hours: int = 24
    expedited: bool = False
    vendor_ticket: str | None = None
    acknowledgement: str | None = None
    external_ref: str | None = None


def wish_of(request: UncloseRequest) -> Wish:
    """What the request was made from."""
    return Wish(
        ledger=request.ledger,
        target_period=str(request.target_period),
        modules=tuple(request.modules),
        reason_code=request.reason_code,
        reason=request.reason,
        scope=request.scope,
        correctors=request.correctors,
        window_hours=request.window_hours,
        expedited=request.expedited,
        vendor_ticket=request.vendor_ticket,
        acknowledgement=request.acknowledgement,
        external_ref=request.external_ref,
    )


@dataclass(frozen=True)
class Prospect:
    """What opening the period would take, as the ledger stands now."""

    state: CloseState
    books: Books
    plan: Plan
    crosses_year: bool


class Wishes:
    """Turns wishes into requests the rules allow. Reads only."""

    def __init__(self, book: LedgerBook, directory: Directory) -> None:
        self._book, self._directory = book, directory
        self._close_states: dict[str, SharedRead[CloseState]] = {}

    def read(self, wish: Wish, actor: Actor, now: datetime) -> UncloseRequest:
        """The request that the wish stands for; it has no number yet.

        Raises:
            UnknownLedger, UnknownModule, MalformedPeriod, PeriodOutsideCalendar: it names what is not there.
            WindowTooLong: longer than the ledger allows.
        """
        configuration = self._book.configuration(wish.ledger)
        profile = configuration.profile
        if wish.window_hours > configuration.max_window_hours:
            raise WindowTooLong(wish.window_hours, configuration.max_window_hours)
        return UncloseRequest(
            id="",
            ledger=wish.ledger,
            target_period=profile.calendar.check(Period.parse(wish.target_period)),
            modules=known_modules(wish.modules, profile.graph.modules),
            reason_code=wish.reason_code,
            reason=wish.reason,
            applicant=actor.person,
            # In the ledger's own time: its date is the day an acknowledgement must be typed on.
            accepted_at=now.astimezone(configuration.time_zone),
            scope=wish.scope,
            correctors=wish.correctors,
            window_hours=wish.window_hours,
            expedited=wish.expedited,
            vendor_ticket=wish.vendor_ticket,
            acknowledgement=wish.acknowledgement,
            external_ref=wish.external_ref,
            on_behalf_of=actor.on_behalf_of,
        )

    def read_again(self, before: UncloseRequest, wish: Wish, now: datetime) -> UncloseRequest:
        """The request as it is asked for now; who asks, and when it was taken, stay. Raises as `read`."""
        read = self.read(wish, Actor(before.applicant, (), before.on_behalf_of), now)
        return replace(read, id=before.id, accepted_at=before.accepted_at, resubmitted_at=read.accepted_at)

    async def require_possible(self, request: UncloseRequest, held_by: str | None) -> None:
        """Ask the ledger and the rules.

        Raises:
            UnknownPerson: a corrector is nobody who is known.
            LedgerBusy: another case executes.
            PeriodNotClosed, PeriodInFuture, BeforeStartPeriod, PeriodLocked: nothing can be opened there.
            CrossesFiscalYear, AcknowledgementNotOfToday: back across a year without consent to that.
            LedgerUnavailable: it does not answer.
        """
        await self.require_known(request)
        if held_by is not None:
            raise LedgerBusy(request.ledger, held_by)
        if self._book.profile(request.ledger).at_site:
            return  # only the site worker reaches this ERP; the case itself will ask the same
        prospect = await self.prospect(request.ledger, request.target_period, request.modules)
        if prospect.crosses_year:
            newest = max(prospect.state.of(module).current for module in prospect.plan.opened_modules)
            require_cross_year_consent(request, newest.year, request.accepted_at.date())

    async def require_known(self, request: UncloseRequest) -> None:
        """Whoever is to correct must be known and active. Raises UnknownPerson."""
        for person in request.correctors:
            if person != request.applicant and await self._directory.groups_of(person) is None:
                raise UnknownPerson(person, "correctors")

    async def prospect(self, ledger: str, target: Period, modules: tuple[Module, ...]) -> Prospect:
        """Raises what `plan_unclose` raises, and LedgerUnavailable."""
        books = await self._book.books(ledger)
        state = await self._close_state(ledger)
        plan = plan_unclose(state, books, target, modules)
        return Prospect(state, books, plan, crosses_fiscal_year(state, plan))

    async def _close_state(self, ledger: str) -> CloseState:
        """As read after the question: calls that come together share the reading."""
        if ledger not in self._close_states:
            self._close_states[ledger] = SharedRead(self._book.connector(ledger).read_close_state)
        return await self._close_states[ledger]()


def known_modules(asked: tuple[str, ...], there: tuple[Module, ...]) -> tuple[Module, ...]:
    """Raises UnknownModule for a name that the ledger does not have."""
    for name in asked:
        if name not in there:
            raise UnknownModule(name, tuple(there))
    return tuple(dict.fromkeys(Module(name) for name in asked))
