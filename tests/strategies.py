"""Random ledgers that keep their own rules, for properties that must hold for every one of them."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.builders import Rows
from workflows.domain.findings import EvidenceRow, Finding, FindingCode
from workflows.domain.ledger import Capabilities, CloseState, Module, ModuleGraph, ModuleState, Verb
from workflows.domain.period import FiscalCalendar, Period
from workflows.domain.plan import Books, Plan, plan_unclose

MODULES = tuple(Module)
MOVEMENTS = tuple((module, verb) for module in Module for verb in Verb)


@dataclass(frozen=True)
class World:
    """A ledger whose close state respects its own order, and a wish that it can grant."""

    state: CloseState
    books: Books
    target: Period
    asked: tuple[Module, ...]

    @property
    def calendar(self) -> FiscalCalendar:
        return self.books.calendar

    def plan(self) -> Plan:
        return plan_unclose(self.state, self.books, self.target, self.asked)


# Made once: building a strategy costs more than drawing from it.
_HALF_THE_TIME = st.booleans()
_SEQUENCE = st.permutations(MODULES)
_HOW_MANY = st.integers(1, len(MODULES))
_LAG = st.integers(0, 3)
_AGE = st.integers(0, 15)
_NEWEST = st.integers(2020 * 13, 2027 * 13)
_CALENDARS = st.builds(FiscalCalendar, st.sampled_from((12, 13)), st.integers(1, 12))
_CAPABILITIES = st.builds(
    Capabilities, st.lists(st.sampled_from(MOVEMENTS), unique=True, max_size=len(MOVEMENTS)).map(tuple)
)


def calendars() -> st.SearchStrategy[FiscalCalendar]:
    return _CALENDARS


@st.composite
def periods(draw: st.DrawFn, calendar: FiscalCalendar) -> Period:
    return Period(draw(st.integers(1990, 2090)), draw(st.integers(1, calendar.periods_per_year)))


@st.composite
def _graphs(draw: st.DrawFn) -> ModuleGraph:
    hidden = draw(_SEQUENCE)[: draw(_HOW_MANY)]
    forward = [(a, b) for n, a in enumerate(hidden) for b in hidden[n + 1 :]]
    edges = draw(st.lists(st.sampled_from(forward), unique=True, max_size=12)) if forward else []
    told = draw(_SEQUENCE)
    return ModuleGraph(tuple(module for module in told if module in hidden), tuple(edges))


_GRAPHS = _graphs()


def graphs() -> st.SearchStrategy[ModuleGraph]:
    """Some of the eight modules, and an order without a circle, told in any sequence."""
    return _GRAPHS


def _close_state(draw: st.DrawFn, graph: ModuleGraph, calendar: FiscalCalendar) -> CloseState:
    """No module stands further than one that closes before it; at least one period is closed somewhere."""
    newest = draw(_NEWEST)
    current: dict[Module, int] = {}
    states: list[ModuleState] = []
    for module in graph.close_order(graph.modules):
        bound = min((current[a] for a, b in graph.closes_before if b == module), default=newest)
        current[module] = bound - draw(_LAG)
        start = current[module] - draw(_AGE) - (0 if states else 1)
        states.append(ModuleState(module, calendar.at(start), calendar.at(current[module])))
    return CloseState(tuple(states))


@st.composite
def _worlds(draw: st.DrawFn) -> World:
    books = Books(draw(_GRAPHS), draw(_CALENDARS), draw(_CAPABILITIES))
    state = _close_state(draw, books.graph, books.calendar)
    closed = [s for s in state.modules if s.start < s.current]
    first = draw(st.sampled_from(closed))
    age = books.calendar.index(first.current) - books.calendar.index(first.start)
    target = books.calendar.at(books.calendar.index(first.current) - draw(st.integers(1, age)))
    also = [s.module for s in closed if s.start <= target < s.current and draw(_HALF_THE_TIME)]
    return World(state, books, target, tuple(dict.fromkeys((first.module, *also))))


_WORLDS = _worlds()


def worlds() -> st.SearchStrategy[World]:
    return _WORLDS


def lock(state: CloseState, module: Module, period: Period) -> CloseState:
    """The same state with one period locked."""
    return replace(
        state,
        modules=tuple(
            replace(s, locked=(*s.locked, period)) if s.module == module else s for s in state.modules
        ),
    )


WORDS = st.text(st.characters(codec="utf-8"), max_size=6)


def evidence() -> st.SearchStrategy[EvidenceRow]:
    return st.builds(EvidenceRow, WORDS, st.lists(st.tuples(WORDS, WORDS), max_size=2).map(tuple))


def findings() -> st.SearchStrategy[Finding]:
    ordinary = st.builds(Period, st.integers(2024, 2025), st.integers(1, 12))
    return st.builds(
        Finding,
        st.sampled_from(FindingCode),
        st.integers(0, 30),
        st.lists(evidence(), max_size=2).map(tuple),
        st.none() | st.sampled_from(Module),
        st.none() | ordinary,
        st.booleans(),
    )


def balances() -> st.SearchStrategy[dict[tuple[Module, str], Rows]]:
    """Balance rows per module and period; fields hold whatever a customer may have typed."""
    places = st.tuples(st.sampled_from(MODULES), st.sampled_from(("2024-12", "2025-01", "2025-02")))
    fields = st.text(st.sampled_from('AB仓1.\n\x1f\x1e\\"[],'), max_size=4)
    rows = st.lists(st.lists(fields, max_size=3).map(tuple), max_size=3).map(tuple)
    return st.dictionaries(places, rows, min_size=1, max_size=8)
