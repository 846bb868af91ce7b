"""Every error raised on purpose, as one tree.

UncloseError
├── Refused                     the rules say no; asking again changes nothing
│   ├── Hidden                  it is not there, or not for you
│   │   └── UnknownLedger, UnknownRequest, UnknownTask, UnknownBackup, UnknownDocument,
│   │       UnknownBackupWork, UnknownAttachment
│   ├── Forbidden               it is there, and not yours to do
│   │   └── NotAnApprover, SelfApproval, NotStandingIn, NotAuthoriser, SecondGroupNeeded, NotTheApplicant,
│   │       NotACorrector, NotAnOperator, OwnCase, NotNamed, NotTheErpAdministrator, OwnExplanation,
│   │       NotAParty, NotAnAuditor, NotToNameTheCause
│   ├── Malformed               the wish itself cannot be read
│   │   └── MalformedPeriod, PeriodOutsideCalendar, UnknownModule, AcknowledgementNotOfToday,
│   │       DelegationToSelf, DelegationEndsTooSoon, UnknownPerson, UnknownLevel, ActIncomplete,
│   │       PolicyUnreadable, UnknownCause, CauseNeedsNote
│   ├── Conflict                the state of the world forbids it now
│   │   ├── PeriodNotClosed, PeriodInFuture, BeforeStartPeriod, PeriodLocked, CrossesFiscalYear
│   │   ├── LedgerBusy, WrongState, IllegalTransition, TaskClosed, ActionNotPossible, AlreadyDecided,
│   │   ├── StaleDigest, NoApprover, ChainEmpty, NotYourTurn, SeatNeededLater, PersonNotEligible,
│   │   ├── WindowExpired, ExtensionAsked, ExtensionTooLong
│   │   ├── OutOfOrder, StaleFence, NotExclusive, SessionsRemain, PeriodClosed, MissingRight
│   │   ├── RightNotGranted, RightNotWithdrawn, GuidedOnly, NothingMoved, NotExplained
│   │   ├── PointerMismatch, ProofMismatch, NotCompared, GateNotPassed, LedgerRefused, RehearsalFailed
│   │   ├── BackupUnproven, BackupDamaged, BackupKeyMissing, BackupKeyUnreadable, BackupKeyWrong,
│   │   ├── RecipientUnreadable, NoRecipients, NoRoom, ToolMissing, NotRestorable
│   │   ├── TooManyAttachments, EvidenceDamaged, CheckpointKeyMissing, ReportDamaged
│   │   ├── TooLateForCause, NotOnHold
│   │   ├── DelegationOverlaps, DelegationCycle, StandingTaskClosed, LeaseNotHeld,
│   │   ├── CaseStillRuns, CaseStandsStill, NotClosedAgain
│   │   └── EventsDiverged
│   └── TooSoon                 it may be asked again after a time
│       └── RemindedTooSoon
└── Unavailable                 the world did not answer; asking again may help
    └── LedgerUnavailable, StorageUnavailable, WorkflowUnavailable, NotStamped, ReportNotMade, CaseNotBegun

Errors know the business, not HTTP. Their fields are the facts; `str()` is one English sentence. The HTTP
words for each class (status, Chinese text, remedy) stand in `service/problems.py`.
"""

from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(eq=False)
class UncloseError(Exception):
    """The root. Subclasses add their facts as fields and say them in `sentence`."""

    sentence: ClassVar[str] = "The request could not be carried out."

    def __str__(self) -> str:
        return self.sentence.format(**self.facts)

    @property
    def facts(self) -> dict[str, str]:
        """What went wrong, by name, as text fit for a problem document."""
        return {field.name: _as_text(getattr(self, field.name)) for field in fields(self)}


def _as_text(value: object) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


class Refused(UncloseError):
    """The rules say no; asking again changes nothing."""


class Unavailable(UncloseError):
    """The world did not answer; asking again may help."""


class Hidden(Refused):
    """It is not there, or not for the one who asks."""


class Forbidden(Refused):
    """It is there, and not theirs to do."""


class Malformed(Refused):
    """The wish itself cannot be read."""


class Conflict(Refused):
    """The state of the world forbids it now."""


class TooSoon(Refused):
    """It may be asked again after a time."""


@dataclass(eq=False)
class UnknownLedger(Hidden):
    sentence = "There is no ledger {ledger!r}."
    ledger: str


@dataclass(eq=False)
class UnknownRequest(Hidden):
    sentence = "There is no request {request!r}."
    request: str


@dataclass(eq=False)
class UnknownTask(Hidden):
    sentence = "There is no task {task!r}."
    task: str


@dataclass(eq=False)
class UnknownBackup(Hidden):
    sentence = "There is no backup {backup!r}."
    backup: str


@dataclass(eq=False)
class UnknownBackupWork(Hidden):
    sentence = "There is no work {work!r} on backups."
    work: str


@dataclass(eq=False)
class UnknownDocument(Hidden):
    sentence = "Backup {backup} of ledger {ledger} holds no document {document!r}."
    backup: str
    ledger: str
    document: str


@dataclass(eq=False)
class UnknownAttachment(Hidden):
    sentence = "{request} has no attachment {attachment!r}."
    attachment: str
    request: str


@dataclass(eq=False)
class NotAnApprover(Forbidden):
    sentence = "{person} is not among the approvers of level {level!r}: {approvers}."
    person: str
    level: str
    approvers: tuple[str, ...]


@dataclass(eq=False)
class SelfApproval(Forbidden):
    sentence = "{person} asked for this case and may not approve it."
    person: str


@dataclass(eq=False)
class NotAuthoriser(Forbidden):
    sentence = "{person} belongs to none of the authorising groups {groups} or already has another part here."
    person: str
    groups: tuple[str, ...]


@dataclass(eq=False)
class SecondGroupNeeded(Forbidden):
    sentence = "Group {group} has confirmed already; the other confirmation must come from {missing}."
    group: str
    missing: str


@dataclass(eq=False)
class NotStandingIn(Forbidden):
    sentence = "{person} does not stand in for {principal} now."
    person: str
    principal: str


@dataclass(eq=False)
class NotTheApplicant(Forbidden):
    sentence = "{person} is not the applicant of {request}."
    person: str
    request: str


@dataclass(eq=False)
class NotACorrector(Forbidden):
    sentence = "{person} is neither applicant nor corrector of {request}."
    person: str
    request: str


@dataclass(eq=False)
class NotAnOperator(Forbidden):
    sentence = "{person} belongs to none of the groups {groups}, who may decide here."
    person: str
    groups: tuple[str, ...]


@dataclass(eq=False)
class OwnCase(Forbidden):
    sentence = "{person} asked for {request} or corrects in it, and does not decide how it goes on."
    person: str
    request: str


@dataclass(eq=False)
class NotTheErpAdministrator(Forbidden):
    """Pointers are moved by hand by those who administer the ERP, and by nobody who asked for it."""

    sentence = "{person} may not do this step: it is for groups {groups}, without the one who asked."
    person: str
    groups: tuple[str, ...]


@dataclass(eq=False)
class OwnExplanation(Forbidden):
    sentence = "{person} has given this explanation and may not confirm it."
    person: str


@dataclass(eq=False)
class NotNamed(Forbidden):
    sentence = "{person} is not named as a corrector; only {named} may write while the ledger is restricted."
    person: str
    named: tuple[str, ...]


@dataclass(eq=False)
class NotAParty(Forbidden):
    """Files are added by those whom a case concerns."""

    sentence = "{request} does not concern {person}; only those who take part in it may add to it."
    person: str
    request: str


@dataclass(eq=False)
class NotAnAuditor(Forbidden):
    sentence = "{person} is in none of the groups that may look into the audit trail: {groups}."
    person: str
    groups: tuple[str, ...]


@dataclass(eq=False)
class MalformedPeriod(Malformed):
    sentence = "{text!r} is not a period; write fiscal year and number, for example 2025-03."
    text: str


@dataclass(eq=False)
class PeriodOutsideCalendar(Malformed):
    sentence = "{period} does not exist: a fiscal year of this ledger has {periods} periods."
    period: str
    periods: int


@dataclass(eq=False)
class UnknownModule(Malformed):
    sentence = "This ledger has no module {module!r}; it has {modules}."
    module: str
    modules: tuple[str, ...]


@dataclass(eq=False)
class AcknowledgementNotOfToday(Malformed):
    sentence = "The acknowledgement of crossing a fiscal year must be typed with today's date, {today}."
    today: str


@dataclass(eq=False)
class DelegationToSelf(Malformed):
    sentence = "{person} cannot stand in for themselves."
    person: str


@dataclass(eq=False)
class DelegationEndsTooSoon(Malformed):
    sentence = "A delegation from {starts} cannot end at {ends}: it must last some time."
    starts: str
    ends: str


@dataclass(eq=False)
class UnknownPerson(Malformed):
    sentence = "Nobody named {person!r} is known, as given in {field}."
    person: str
    field: str
    """Where the name was given."""


@dataclass(eq=False)
class UnknownLevel(Malformed):
    sentence = "A case cannot be returned to {level!r} from here; it can go to {possible}."
    level: str
    possible: tuple[str, ...]


@dataclass(eq=False)
class ActIncomplete(Malformed):
    sentence = "{action!r} needs {field!r}."
    action: str
    field: str


@dataclass(eq=False)
class PolicyUnreadable(Malformed):
    """A policy, or one of its rules, cannot be read: then nobody is asked and nothing goes on."""

    sentence = "The approval policy of ledger {ledger} cannot be used: {where}: {reason}"
    ledger: str
    where: str
    """Line and field, such as `line 12: levels[2].when.high_risk`."""
    reason: str


@dataclass(eq=False)
class PeriodNotClosed(Conflict):
    sentence = "{period} is not closed in {module}: its current period is {current}."
    module: str
    period: str
    current: str


@dataclass(eq=False)
class PeriodInFuture(Conflict):
    sentence = "The ledger has not come to {period}: the current period of {module} is {current}."
    module: str
    period: str
    current: str


@dataclass(eq=False)
class BeforeStartPeriod(Conflict):
    sentence = "{period} lies before {module} started on this system in {start}."
    module: str
    period: str
    start: str


@dataclass(eq=False)
class PeriodLocked(Conflict):
    sentence = "{period} is locked in {module}."
    module: str
    period: str


@dataclass(eq=False)
class CrossesFiscalYear(Conflict):
    sentence = (
        "Opening {period} leads from fiscal year {current} back across a fiscal year without {missing}."
    )
    period: str
    current: str
    missing: str


@dataclass(eq=False)
class LedgerBusy(Conflict):
    sentence = "Ledger {ledger} is held by case {holder}."
    ledger: str
    holder: str


@dataclass(eq=False)
class WrongState(Conflict):
    sentence = "{request} is in state {state}; this is possible only in {allowed}."
    request: str
    state: str
    allowed: tuple[str, ...]


@dataclass(eq=False)
class IllegalTransition(Conflict):
    sentence = "A case in state {state} cannot go to {target}."
    state: str
    target: str


@dataclass(eq=False)
class TaskClosed(Conflict):
    sentence = "Task {task} is not open any more; the case is in state {state}."
    task: str
    state: str


@dataclass(eq=False)
class LeaseNotHeld(Conflict):
    sentence = "Ledger {ledger} is not held under fence {fence}."
    ledger: str
    fence: int


@dataclass(eq=False)
class CaseStillRuns(Conflict):
    sentence = "{request} still runs and gives the ledger {ledger} back itself."
    request: str
    ledger: str


@dataclass(eq=False)
class CaseStandsStill(Conflict):
    """The engine has no process of the case any more, as after somebody has terminated it there."""

    sentence = "{request} stands at {state} and does not run any more: its process was ended from outside."
    request: str
    state: str


@dataclass(eq=False)
class NotClosedAgain(Conflict):
    sentence = "Ledger {ledger} is still open where {request} was to open it: {places}."
    ledger: str
    request: str
    places: tuple[str, ...]


@dataclass(eq=False)
class StandingTaskClosed(Conflict):
    sentence = "Task {task} was closed by {person}."
    task: str
    person: str


@dataclass(eq=False)
class ActionNotPossible(Conflict):
    sentence = "{action!r} is not possible on {task}; possible here: {possible}."
    action: str
    task: str
    possible: tuple[str, ...]


@dataclass(eq=False)
class AlreadyDecided(Conflict):
    sentence = "{person} has already decided on {task}."
    person: str
    task: str


@dataclass(eq=False)
class StaleDigest(Conflict):
    sentence = "The digest given, {given}, is not the one in force, {current}."
    given: str
    current: str


@dataclass(eq=False)
class NoApprover(Conflict):
    sentence = (
        "Nobody may sign level {level!r}: group {group} holds no one without another part in this case."
    )
    level: str
    group: str


@dataclass(eq=False)
class ChainEmpty(Conflict):
    sentence = "No level of approval policy {policy} applies to this case, so nobody would be asked."
    policy: str


@dataclass(eq=False)
class NotYourTurn(Conflict):
    sentence = "{person} cannot act on {task} yet: {first} must sign first."
    person: str
    task: str
    first: tuple[str, ...]


@dataclass(eq=False)
class SeatNeededLater(Conflict):
    sentence = "{person} cannot sign here, because nobody else could then sign level {level!r}."
    person: str
    level: str


@dataclass(eq=False)
class PersonNotEligible(Conflict):
    sentence = "{person}, as given in {field}, cannot be asked here: {reason}."
    person: str
    reason: str
    field: str
    """Where the name was given."""


@dataclass(eq=False)
class RemindedTooSoon(TooSoon):
    sentence = "People were reminded of {request} not long ago; try again in {retry_after} seconds."
    request: str
    retry_after: int


@dataclass(eq=False)
class WindowExpired(Conflict):
    sentence = "The correction window of {request} ended at {ended}."
    request: str
    ended: str


@dataclass(eq=False)
class ExtensionAsked(Conflict):
    """One extension is decided before the next one is asked for."""

    sentence = "Whether the correction window of {request} is extended by {hours} hours is being decided."
    request: str
    hours: int


@dataclass(eq=False)
class ExtensionTooLong(Conflict):
    sentence = "{hours} hours more would keep {request} open longer than the {most} hours this ledger allows."
    request: str
    hours: int
    most: int


@dataclass(eq=False)
class NotExplained(Conflict):
    """Changes outside the declared scope stand unexplained, and nothing is closed over them in silence."""

    sentence = "{documents} were changed without having been declared, and it was not explained in time."
    documents: tuple[str, ...]


@dataclass(eq=False)
class NotCompared(Conflict):
    """Whether anything was changed past the ERP is not known: only the comparison with point B tells."""

    sentence = "{ledger} cannot be compared with roll-back point B: {reason}"
    ledger: str
    reason: str


@dataclass(eq=False)
class OutOfOrder(Conflict):
    sentence = "{verb} of {module} {period} is out of order: {reason}"
    verb: str
    module: str
    period: str
    reason: str


@dataclass(eq=False)
class StaleFence(Conflict):
    sentence = "Fence {fence} is lower than {current}: the lease has passed to another."
    fence: int
    current: int


@dataclass(eq=False)
class NotExclusive(Conflict):
    sentence = "Ledger {ledger} is not held exclusively under fence {fence}."
    ledger: str
    fence: int


@dataclass(eq=False)
class SessionsRemain(Conflict):
    sentence = "Other people are still in ledger {ledger}: {sessions}."
    ledger: str
    sessions: tuple[str, ...]


@dataclass(eq=False)
class PeriodClosed(Conflict):
    sentence = "{period} is closed in {module}; its documents cannot be changed."
    module: str
    period: str


@dataclass(eq=False)
class MissingRight(Conflict):
    sentence = "{person} lacks the right {right!r} in ledger {ledger}."
    person: str
    right: str
    ledger: str


@dataclass(eq=False)
class RightNotGranted(Conflict):
    """The ERP said nothing, and reading back shows that the right was not given."""

    sentence = "{person} was given the right {right!r} in ledger {ledger} and does not have it."
    person: str
    right: str
    ledger: str


@dataclass(eq=False)
class RightNotWithdrawn(Conflict):
    """The ERP said nothing, and reading back shows that the right was not taken away."""

    sentence = "The right {right!r} was taken from {person} in ledger {ledger}, who still has it."
    person: str
    right: str
    ledger: str


@dataclass(eq=False)
class GuidedOnly(Conflict):
    sentence = "{verb} of {module} in ledger {ledger} is a guided step: a person does it in the ERP."
    verb: str
    module: str
    ledger: str


@dataclass(eq=False)
class NothingMoved(Conflict):
    """Somebody said that a guided step is done, and the ledger stands as before."""

    sentence = "Nothing has moved in the ledger: {step} is still to be done."
    step: str


@dataclass(eq=False)
class PointerMismatch(Conflict):
    sentence = "After {step} exactly that period should have moved; instead: {seen}."
    step: str
    seen: str


@dataclass(eq=False)
class ProofMismatch(Conflict):
    sentence = "The balances differ from what they must be, at {where}."
    where: tuple[str, ...]


@dataclass(eq=False)
class RehearsalFailed(Conflict):
    """On a copy of the ledger the plan could not be carried out; the ledger itself was not touched."""

    sentence = "The rehearsal on a copy of the ledger stopped at {step}: {seen}"
    step: str
    seen: str


@dataclass(eq=False)
class BackupUnproven(Conflict):
    sentence = "Backup {backup} cannot be trusted: {reason}."
    backup: str
    reason: str


@dataclass(eq=False)
class TooManyAttachments(Conflict):
    sentence = "{request} has {most} attachments already; more are not taken."
    request: str
    most: int


@dataclass(eq=False)
class EvidenceDamaged(Conflict):
    """What is stored of a case is not what was put on record: changed, or gone."""

    sentence = "{file} of {request} is damaged: {reason}."
    request: str
    file: str
    reason: str


@dataclass(eq=False)
class CheckpointKeyMissing(Conflict):
    sentence = "No checkpoint can be signed: {reason}."
    reason: str


@dataclass(eq=False)
class NotStamped(Unavailable):
    """The checkpoint stands, signed; only the word of the time-stamping authority is not there."""

    sentence = "The time-stamping authority has not answered as it should: {reason}."
    reason: str


@dataclass(eq=False)
class BackupDamaged(Conflict):
    """What is stored is not what was written: cut short, changed, or gone."""

    sentence = "Backup {backup} is damaged in {part}: {reason}."
    backup: str
    part: str
    reason: str


@dataclass(eq=False)
class ReportDamaged(Conflict):
    """The report that is stored is not the one that was made: changed, or gone."""

    sentence = "The report of {request} in {language} is damaged: {reason}."
    request: str
    language: str
    reason: str


@dataclass(eq=False)
class BackupKeyMissing(Conflict):
    sentence = "Backup {backup} is encrypted, and no identity to read it with is set in {setting}."
    backup: str
    setting: str


@dataclass(eq=False)
class BackupKeyUnreadable(Conflict):
    sentence = "The identity file named by {setting} cannot be used: {reason}."
    setting: str
    reason: str


@dataclass(eq=False)
class BackupKeyWrong(Conflict):
    sentence = "No identity named by {setting} opens backup {backup}; it was encrypted to {recipients}."
    setting: str
    backup: str
    recipients: tuple[str, ...]


@dataclass(eq=False)
class RecipientUnreadable(Conflict):
    sentence = "{setting} holds {recipient!r}, which is no age recipient: {reason}."
    setting: str
    recipient: str
    reason: str


@dataclass(eq=False)
class NoRecipients(Conflict):
    sentence = "Backups would not be encrypted: {setting} names no recipient."
    setting: str


@dataclass(eq=False)
class NoRoom(Conflict):
    sentence = "There is no room left in {place}."
    place: str


@dataclass(eq=False)
class ToolMissing(Conflict):
    sentence = "{tool} cannot be used: {reason}; the setting {setting} names the folder it is looked for in."
    tool: str
    reason: str
    setting: str


@dataclass(eq=False)
class NotRestorable(Conflict):
    sentence = "Unclose cannot restore ledger {ledger} in place: {reason}."
    ledger: str
    reason: str


@dataclass(eq=False)
class GateNotPassed(Conflict):
    sentence = "The periods cannot be closed again yet: {reasons}."
    reasons: tuple[str, ...]


@dataclass(eq=False)
class LedgerRefused(Conflict):
    """The ERP itself said no for a reason of its own."""

    sentence = "The ledger {ledger} refused: {reason}."
    ledger: str
    reason: str


@dataclass(eq=False)
class DelegationOverlaps(Conflict):
    sentence = "{principal} has delegated to {delegate} for some of that time already, by {delegation}."
    principal: str
    delegate: str
    delegation: str


@dataclass(eq=False)
class DelegationCycle(Conflict):
    sentence = "This would make people stand in for themselves, in this circle: {circle}."
    circle: tuple[str, ...]


@dataclass(eq=False)
class EventsDiverged(Conflict):
    """A worker died after the register had recorded events, and the case then took another turn.

    What stands on record stays; the case tells the rest under the numbers after `last`.
    """

    sentence = "Event {first} of {request} is on record already with another content; the last one is {last}."
    request: str
    first: int
    last: int


@dataclass(eq=False)
class LedgerUnavailable(Unavailable):
    sentence = "Ledger {ledger} does not answer: {reason}."
    ledger: str
    reason: str


@dataclass(eq=False)
class StorageUnavailable(Unavailable):
    sentence = "The store does not answer: {reason}."
    reason: str


@dataclass(eq=False)
class ReportNotMade(Unavailable):
    """A report could not be set or signed; nothing was kept of it, and asking again makes it anew."""

    sentence = "The report of {request} could not be made: {reason}."
    request: str
    reason: str


@dataclass(eq=False)
class WorkflowUnavailable(Unavailable):
    sentence = "The workflow engine does not answer: {reason}."
    reason: str


@dataclass(eq=False)
class CaseNotBegun(Unavailable):
    """It was accepted a moment ago and has not taken its first step."""

    sentence = "{request} has been accepted and is about to begin."
    request: str


def every_error() -> tuple[type[UncloseError], ...]:
    """All concrete classes of the tree, in a stable order (completeness tests, lookup by name)."""
    found: list[type[UncloseError]] = []
    queue: list[type[UncloseError]] = [UncloseError]
    while queue:
        cls = queue.pop(0)
        children = sorted(cls.__subclasses__(), key=lambda child: child.__name__)
        queue.extend(children)
        if not children:
            found.append(cls)
    return tuple(found)


@dataclass(eq=False)
class UnknownCause(Malformed):
    sentence = "This ledger's catalogue has no root cause {cause!r}; it has {causes}."
    cause: str
    causes: tuple[str, ...]


@dataclass(eq=False)
class CauseNeedsNote(Malformed):
    sentence = "The root cause {cause!r} explains nothing by itself: say in the note what it was."
    cause: str


@dataclass(eq=False)
class NotToNameTheCause(Forbidden):
    sentence = "{person} has no part in {request} and is not of finance, so the cause is not theirs to name."
    person: str
    request: str


@dataclass(eq=False)
class TooLateForCause(Conflict):
    """`days` is how many there were; afterwards the finance head still can."""

    sentence = "The root cause of {request} could be named until {until}, {days} days after its end."
    request: str
    until: str
    days: int


@dataclass(eq=False)
class NotOnHold(Conflict):
    sentence = "{request} is under no legal hold."
    request: str
