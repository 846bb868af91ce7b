"""The ledger's own rules as rows: what the database refuses, whoever asks and by whatever road.

Each condition is SQL that SQLite and PostgreSQL read alike; `dialect` makes triggers of them. The code checks
the same rules first, to say precisely what is wrong. These are the last line.
"""

# ruff: noqa: S608  # the SQL is put together from the constants of this file and nothing else

from dataclasses import dataclass

from activities.demo_erp.tables import COMPUTED

INSERT, UPDATE, DELETE = "INSERT", "UPDATE", "DELETE"


@dataclass(frozen=True)
class Rule:
    """One event on one table that is refused when the condition over OLD and NEW holds."""

    name: str
    table: str
    event: str
    refused_when: str
    says: str


_NOT_ALONE = (
    "NOT EXISTS (SELECT 1 FROM holding WHERE held_fence IS NOT NULL)"
    " OR EXISTS (SELECT 1 FROM named_person) OR EXISTS (SELECT 1 FROM session)"
)

_CLOSED: tuple[tuple[str, str], ...] = (
    (
        "document",
        "{row}.period < (SELECT s.current FROM module_state s WHERE s.module = {row}.module)",
    ),
    (
        "document_line",
        "EXISTS (SELECT 1 FROM document d JOIN module_state s ON s.module = d.module"
        " WHERE d.number = {row}.document AND d.period < s.current)",
    ),
    (
        "count_sheet",
        "{row}.period < (SELECT s.current FROM module_state s WHERE s.module = 'inventory')",
    ),
    (
        "count_line",
        "EXISTS (SELECT 1 FROM count_sheet c JOIN module_state s ON s.module = 'inventory'"
        " WHERE c.number = {row}.sheet AND c.period < s.current)",
    ),
    (
        "voucher",
        "{row}.period < (SELECT s.current FROM module_state s WHERE s.module = 'gl')",
    ),
    (
        "voucher_entry",
        "EXISTS (SELECT 1 FROM voucher v JOIN module_state s ON s.module = 'gl'"
        " WHERE v.number = {row}.voucher AND v.period < s.current)",
    ),
)
"""When a row belongs to a closed period."""

BALANCES = tuple((table.name, module.value) for module, made in COMPUTED for table in made)
"""Which module's closing computes which table."""


def every_rule() -> tuple[Rule, ...]:
    """All rules of the ledger."""
    return (*_closed_periods(), *_balances(), *_POINTERS, *_CLOSINGS, *_HOLDING, *_never())


def _closed_periods() -> list[Rule]:
    rows = {INSERT: ("NEW",), UPDATE: ("OLD", "NEW"), DELETE: ("OLD",)}
    return [
        Rule(
            f"{table}_{event.lower()}_in_closed_period",
            table,
            event,
            " OR ".join(f"({condition.format(row=row)})" for row in rows[event]),
            f"PeriodClosed: {event.lower()} of {table} in a closed period",
        )
        for table, condition in _CLOSED
        for event in (INSERT, UPDATE, DELETE)
    ]


def _balances() -> list[Rule]:
    """Balances of a period exist exactly while it is closed, and nobody edits them."""
    rules: list[Rule] = []
    for table, module in BALANCES:
        says = f"PeriodClosed: balances in {table} belong to the closing of their period"
        complete = f"EXISTS (SELECT 1 FROM closing c WHERE c.module = '{module}' AND c.period = "
        not_current = f"NEW.period <> (SELECT s.current FROM module_state s WHERE s.module = '{module}')"
        made_elsewhere = f"{complete}NEW.period) OR {not_current}"
        rules += [
            Rule(f"{table}_insert_outside_closing", table, INSERT, made_elsewhere, says),
            Rule(f"{table}_update", table, UPDATE, "1 = 1", says),
            Rule(f"{table}_delete_while_closed", table, DELETE, f"{complete}OLD.period)", says),
        ]
    return rules


def _pointer(name: str, refused_when: str, says: str) -> Rule:
    return Rule(f"pointer_{name}", "module_state", UPDATE, refused_when, says)


_MOVED = "NEW.current <> OLD.current"
_BACK = "NEW.current < OLD.current"
_FORWARD = "NEW.current > OLD.current"
_CLOSING_OF_MODULE = "EXISTS (SELECT 1 FROM closing c WHERE c.module = NEW.module AND c.period"

_POINTERS = (
    _pointer(
        "only_while_alone",
        f"{_MOVED} AND ({_NOT_ALONE})",
        "NotExclusive: pointers move only while the ledger is held and nobody else is in it",
    ),
    _pointer(
        "only_under_the_fence",
        f"{_MOVED} AND NOT EXISTS"
        " (SELECT 1 FROM holding h WHERE h.held_fence = NEW.fence AND h.held_fence = h.fence_seen)",
        "StaleFence: the fence is not the one that holds the ledger",
    ),
    _pointer(
        "by_one",
        f"{_MOVED} AND (abs(NEW.current - OLD.current) <> 1 OR NEW.moves <> OLD.moves + 1)",
        "OutOfOrder: a pointer moves by exactly one period",
    ),
    _pointer(
        "not_before_start",
        f"{_MOVED} AND NEW.current < NEW.start",
        "BeforeStartPeriod: the module did not exist then",
    ),
    _pointer(
        "not_into_locked",
        f"{_BACK} AND EXISTS"
        " (SELECT 1 FROM module_lock k WHERE k.module = NEW.module AND k.period >= NEW.current)",
        "PeriodLocked: the period is locked",
    ),
    _pointer(
        "back_in_order",
        f"{_BACK} AND EXISTS (SELECT 1 FROM module_edge e JOIN module_state s ON s.module = e.later"
        " WHERE e.earlier = NEW.module AND s.current > NEW.current AND s.start <= NEW.current)",
        "OutOfOrder: a module that closes later still has this period closed",
    ),
    _pointer(
        "forward_in_order",
        f"{_FORWARD} AND EXISTS (SELECT 1 FROM module_edge e JOIN module_state s ON s.module = e.earlier"
        " WHERE e.later = NEW.module AND s.current <= OLD.current AND s.start <= OLD.current)",
        "OutOfOrder: a module that closes earlier still has this period open",
    ),
    _pointer(
        "forward_with_balances",
        f"{_FORWARD} AND NOT {_CLOSING_OF_MODULE} = OLD.current)",
        "GateNotPassed: the balances of the period have not been computed",
    ),
    _pointer(
        "back_without_closing",
        f"{_BACK} AND {_CLOSING_OF_MODULE} >= NEW.current)",
        "GateNotPassed: the closing of the period has not been withdrawn",
    ),
    *(
        _pointer(
            f"back_without_{table}",
            f"{_BACK} AND NEW.module = '{module}' AND EXISTS"
            f" (SELECT 1 FROM {table} b WHERE b.period >= NEW.current)",
            "GateNotPassed: the balances of the period have not been withdrawn",
        )
        for table, module in BALANCES
    ),
    _pointer(
        "keeps_its_module",
        "NEW.module <> OLD.module OR NEW.start <> OLD.start OR NEW.moves < OLD.moves",
        "OutOfOrder: a module keeps its name, its start and its count of movements",
    ),
)

_PERIOD_OF = "(SELECT s.current FROM module_state s WHERE s.module ="

_CLOSINGS = (
    Rule(
        "closing_of_current_period_only",
        "closing",
        INSERT,
        f"{_NOT_ALONE} OR NEW.period <> {_PERIOD_OF} NEW.module)",
        "OutOfOrder: only the current period can be closed, by whoever holds the ledger",
    ),
    Rule(
        "closing_withdrawn_newest_first",
        "closing",
        DELETE,
        f"{_NOT_ALONE} OR OLD.period + 1 <> {_PERIOD_OF} OLD.module)",
        "OutOfOrder: only the newest closed period can be un-closed, by whoever holds the ledger",
    ),
)

_HOLDING = (
    Rule(
        "fence_never_falls",
        "holding",
        UPDATE,
        "NEW.fence_seen < OLD.fence_seen OR NEW.held_fence < NEW.fence_seen",
        "StaleFence: a higher fence has been here",
    ),
    Rule(
        "nobody_enters_a_held_ledger",
        "session",
        INSERT,
        "EXISTS (SELECT 1 FROM holding WHERE held_fence IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM named_person p WHERE p.person = NEW.person)",
        "LedgerBusy: the ledger is held and this person is not named",
    ),
)

_NEVER: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("module_state", (INSERT, DELETE), "OutOfOrder: modules are given at creation"),
    ("module_edge", (INSERT, UPDATE, DELETE), "OutOfOrder: the order is given at creation"),
    ("closing", (UPDATE,), "OutOfOrder: a closing is made or withdrawn"),
    ("holding", (DELETE,), "StaleFence: the highest fence is never forgotten"),
    ("journal", (UPDATE, DELETE), "LedgerRefused: the journal is only appended to"),
    ("change_log", (UPDATE, DELETE), "LedgerRefused: the change log is only appended to"),
)


def _never() -> list[Rule]:
    return [
        Rule(f"{table}_never_{event.lower()}", table, event, "1 = 1", says)
        for table, events, says in _NEVER
        for event in events
    ]
