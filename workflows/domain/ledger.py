"""A ledger as the planner sees it: modules, the order they close in, and what is closed now."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from workflows.domain.errors import UnknownModule
from workflows.domain.period import Period


class Module(StrEnum):
    """A part of a ledger with a current period of its own."""

    GL = "gl"
    RECEIVABLE = "receivable"
    PAYABLE = "payable"
    INVENTORY = "inventory"
    COST = "cost"
    FIXED_ASSET = "fixed_asset"
    PAYROLL = "payroll"
    CASH = "cash"


class Verb(StrEnum):
    """The two ways a module's current period can move: back by one, forward by one."""

    UNCLOSE = "unclose"
    RECLOSE = "reclose"


class StepMode(StrEnum):
    """Who moves the pointer: the connector, or a person in the ERP whom the connector proves by reading."""

    AUTOMATIC = "automatic"
    GUIDED = "guided"


@dataclass(frozen=True)
class ModuleGraph:
    """Which module closes before which, as configured for one ledger (design §5.1, R67, R68)."""

    modules: tuple[Module, ...]
    closes_before: tuple[tuple[Module, Module], ...] = ()
    """Pairs (earlier, later): the later one, such as the general ledger, closes after the earlier."""

    def __post_init__(self) -> None:
        unknown = {m for edge in self.closes_before for m in edge} - set(self.modules)
        if unknown or len(set(self.modules)) != len(self.modules):
            raise ValueError(f"module graph names unknown or repeated modules: {sorted(unknown)}")
        self.close_order(self.modules)

    def close_order(self, wanted: Iterable[Module]) -> tuple[Module, ...]:
        """The wanted modules in the order they close; ties in the order of configuration.

        Raises:
            ValueError: the graph has a circle, so no order exists.
        """
        waiting = list(self.modules)
        order: list[Module] = []
        while waiting:
            ready = next((m for m in waiting if not self._earlier(m) & set(waiting)), None)
            if ready is None:
                raise ValueError(f"module graph has a circle among {waiting}")
            waiting.remove(ready)
            order.append(ready)
        chosen = set(wanted)
        return tuple(m for m in order if m in chosen)

    def _earlier(self, module: Module) -> set[Module]:
        return {first for first, later in self.closes_before if later == module}

    def closing_after(self, modules: Iterable[Module]) -> frozenset[Module]:
        """The given modules and all that close after any of them: what must be open with them."""
        reached = set(modules)
        while True:
            more = {later for first, later in self.closes_before if first in reached} - reached
            if not more:
                return frozenset(reached)
            reached |= more

    def check(self, modules: Iterable[str]) -> None:
        """Raises UnknownModule for a module this ledger does not have."""
        for module in modules:
            if module not in self.modules:
                raise UnknownModule(module, tuple(self.modules))


@dataclass(frozen=True)
class ModuleState:
    """What is closed in one module: every period from `start` to the one before `current`."""

    module: Module
    start: Period
    current: Period
    locked: tuple[Period, ...] = ()

    def is_closed(self, period: Period) -> bool:
        return self.start <= period < self.current


@dataclass(frozen=True)
class CloseState:
    """Start, current and locked periods of every module of a ledger, read at one moment."""

    modules: tuple[ModuleState, ...]
    revision: str = ""
    """Changes whenever any pointer has moved, even there and back; empty where the ERP cannot tell."""

    def of(self, module: Module) -> ModuleState:
        """Raises UnknownModule if the ledger has no such module."""
        for state in self.modules:
            if state.module == module:
                return state
        raise UnknownModule(module, tuple(state.module for state in self.modules))

    def pointers(self) -> dict[Module, Period]:
        """The current period of every module."""
        return {state.module: state.current for state in self.modules}

    def moved(self, module: Module, current: Period) -> "CloseState":
        """The same state with one pointer elsewhere."""
        return replace(
            self,
            modules=tuple(replace(s, current=current) if s.module == module else s for s in self.modules),
        )


@dataclass(frozen=True)
class Capabilities:
    """What a connector can do on its ledger. What a vendor cannot do is data, not an exception."""

    guided: tuple[tuple[Module, Verb], ...] = ()
    """Movements that a person must make in the ERP; all others are automatic."""
    can_back_up: bool = True
    can_clone: bool = True
    can_list_sessions: bool = True
    can_end_sessions: bool = True
    can_grant_rights: bool = True
    can_read_changes: bool = True
    can_read_documents: bool = True

    def mode(self, module: Module, verb: Verb) -> StepMode:
        return StepMode.GUIDED if (module, verb) in self.guided else StepMode.AUTOMATIC
