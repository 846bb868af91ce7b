"""The difference report as data: which documents changed, and what that did to the balances (R77, R79).

Both sides are read as streams in the order of their keys, so a document's rows come together and nothing here
grows with the ledger: what is told one by one is bounded, the rest is counted, and the whole is in a file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from workflows.domain.canonical import Place
from workflows.domain.corrections import Change, FieldChange
from workflows.domain.digest import Json
from workflows.domain.ledger import Module
from workflows.domain.location import MAX_ROWS, Located, RowChange, RowDifference, Tally
from workflows.domain.period import Period

MAX_FIELDS = 100
"""Fields told of one document; the rest is counted."""

_SORT, _DOCUMENT, _LINE = "sort", "number", "line"
"""What the key of a document's row is made of (docs/proof.md)."""


class DocumentAction(StrEnum):
    """What has become of a document."""

    ADDED = "added"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True)
class Entry:
    """Who did something to a document, according to the ledger's own change log."""

    person: str
    at: str
    note: str
    reverses: str = ""


@dataclass(frozen=True)
class DocumentDifference:
    """One document, voucher or stock count that is not what it was, field by field."""

    document: str
    sort: str
    """`document`, `count`, `voucher`, or `closing` for a voucher that closing has written."""
    action: DocumentAction
    module: Module
    period: Period
    fields: tuple[FieldChange, ...]
    more_fields: int = 0
    entries: tuple[Entry, ...] = ()
    """What the change log says about it. A document that differs and has none was changed past the ERP."""


@dataclass(frozen=True)
class Net:
    """By how much one measure of a place has changed, all rows together."""

    module: Module
    period: Period
    measure: str
    amount: Decimal


@dataclass(frozen=True)
class Artefact:
    """The whole difference, one JSON object a line."""

    path: str
    sha256: str
    lines: int


@dataclass(frozen=True)
class Difference:
    """What a case has changed in a ledger: just before it was opened, just after it was closed again."""

    documents: tuple[DocumentDifference, ...] = ()
    actions: Mapping[DocumentAction, int] = field(default_factory=dict)
    """How many documents were added, changed and deleted in all."""
    balances: Located = field(default_factory=Located)
    """Per warehouse and item, partner, account: what was and is."""
    net: tuple[Net, ...] = ()
    unlogged: tuple[str, ...] = ()
    """Documents that differ and that the change log does not know: changed past the ERP."""
    without_effect: tuple[str, ...] = ()
    """Documents in the change log that are what they were: changed and changed back."""
    artefact: Artefact | None = None
    closed: Mapping[str, str] = field(default_factory=dict)
    """By place that was opened, the digest of its documents as they were closed again."""

    @property
    def more_documents(self) -> int:
        return sum(self.actions.values()) - len(self.documents)

    def record(self) -> dict[str, Json]:
        """The report in a few figures, as it goes on record; its rows are kept apart."""
        return {
            "documents": {str(action): count for action, count in self.actions.items()},
            "balances": sum(place.rows for place in self.balances.places),
            "unlogged": list(self.unlogged),
            "without_effect": list(self.without_effect),
            "artefact": self.artefact.path if self.artefact else None,
            "sha256": self.artefact.sha256 if self.artefact else None,
        }


def past_the_log(difference: Difference, since: datetime) -> tuple[Change, ...]:
    """What was changed past the ERP, as changes that nobody has declared; when and by whom nobody knows."""
    wanted = {*difference.unlogged}
    return tuple(
        Change(each.document, str(each.action), each.module, each.period, "", since, PAST_THE_LOG)
        for each in difference.documents
        if each.document in wanted
    )


PAST_THE_LOG = "past the ERP: not in its change log / 绕过 ERP：日志中无记录"


class DocumentRows:
    """Puts rows that differ together to documents. Rows come in order, so one document at a time is held."""

    def __init__(self) -> None:
        self._at: tuple[Place, str, str] | None = None
        self._begin()

    def add(self, row: RowDifference) -> DocumentDifference | None:
        """The document before this row's, once it is complete."""
        key = dict(row.key)
        at = (row.place, key[_SORT], key[_DOCUMENT])
        complete = self.end() if at != self._at else None
        self._at = at
        if not key[_LINE]:
            self._action = _ACTIONS[row.change]
        for fact in row.facts:
            self._count += 1
            if self._count <= MAX_FIELDS:
                self._fields.append(FieldChange(key[_LINE], fact.name, fact.before, fact.after))
        return complete

    def end(self) -> DocumentDifference | None:
        """The last document; none if there was none."""
        if self._at is None:
            return None
        place, sort, number = self._at
        fields, more = tuple(self._fields), self._count - len(self._fields)
        made = DocumentDifference(number, sort, self._action, place.module, place.period, fields, more)
        self._at = None
        self._begin()
        return made

    def _begin(self) -> None:
        # A document whose head is the same on both sides was changed in its lines.
        self._action, self._count = DocumentAction.CHANGED, 0
        self._fields: list[FieldChange] = []


_ACTIONS = {
    RowChange.ADDED: DocumentAction.ADDED,
    RowChange.GONE: DocumentAction.DELETED,
    RowChange.CHANGED: DocumentAction.CHANGED,
}


class Assembly:
    """Takes what differs as it streams by, and makes the report of it."""

    def __init__(self, changes: Iterable[Change], limit: int = MAX_ROWS) -> None:
        self._limit = limit
        self._log: dict[str, list[Entry]] = {}
        for change in changes:
            entry = Entry(change.person, change.at.isoformat(), change.note, change.reverses)
            self._log.setdefault(change.document, []).append(entry)
        self._documents: list[DocumentDifference] = []
        self._actions = dict.fromkeys(DocumentAction, 0)
        self._different: set[str] = set()
        self._unlogged: list[str] = []
        self._balances = Tally(limit)
        self._net: dict[tuple[Module, Period, str], Decimal] = {}

    def add_document(self, document: DocumentDifference) -> DocumentDifference:
        """Count it; the answer tells what the change log says about it too."""
        entries = tuple(self._log.get(document.document, ()))
        told = replace(document, entries=entries)
        self._actions[document.action] += 1
        if entries:
            self._different.add(document.document)
        unlogged = not entries and document.sort not in _MADE_BY_CLOSING
        is_told = unlogged and len(self._unlogged) < self._limit
        if is_told:
            self._unlogged.append(document.document)
        if is_told or len(self._documents) < self._limit:
            self._documents.append(told)
        return told

    def add_balance(self, row: RowDifference) -> None:
        self._balances.add(row)
        for fact in row.facts:
            key = (row.place.module, row.place.period, fact.name)
            change = _number(fact.after) - _number(fact.before)
            self._net[key] = self._net.get(key, Decimal(0)) + change

    def difference(
        self, artefact: Artefact | None = None, closed: Mapping[str, str] | None = None
    ) -> Difference:
        """The report over all that was taken."""
        return Difference(
            documents=tuple(self._documents),
            actions=dict(self._actions),
            balances=self._balances.located(),
            net=tuple(Net(*key, amount) for key, amount in sorted(self._net.items()) if amount),
            unlogged=tuple(self._unlogged),
            without_effect=tuple(sorted(self._log.keys() - self._different)[: self._limit]),
            artefact=artefact,
            closed=dict(closed or {}),
        )


_MADE_BY_CLOSING = ("closing",)
"""Vouchers that the ledger's own closing writes: they follow from the documents that they sum up."""


def _number(text: str) -> Decimal:
    return Decimal(text or 0)
