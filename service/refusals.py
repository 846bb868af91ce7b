"""What the service itself refuses, before any rule of the domain is asked."""

from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(eq=False)
class ServiceRefusal(Exception):
    """The root. As in the domain: fields are the facts, `sentence` says them."""

    sentence: ClassVar[str] = "The request could not be served."

    def __str__(self) -> str:
        return self.sentence.format(**self.facts)

    @property
    def facts(self) -> dict[str, str]:
        return {field.name: str(getattr(self, field.name)) for field in fields(self)}


@dataclass(eq=False)
class Unidentified(ServiceRefusal):
    sentence = "Who is asking is not known."


@dataclass(eq=False)
class ScopeMissing(ServiceRefusal):
    sentence = "This token may not be used for that: it lacks the scope {scope}."
    scope: str


@dataclass(eq=False)
class NotAnAdministrator(ServiceRefusal):
    sentence = "Only an administrator may do that; {person} is none."
    person: str


@dataclass(eq=False)
class PersonNeeded(ServiceRefusal):
    sentence = "{service} is a service account; only a person can do that."
    service: str


@dataclass(eq=False)
class SpeaksForOthers(ServiceRefusal):
    sentence = "{person} is no service account and speaks for nobody else."
    person: str


@dataclass(eq=False)
class UnknownBehalf(ServiceRefusal):
    sentence = "{person}, on whose behalf this is asked, is no active person here."
    person: str


@dataclass(eq=False)
class UnknownUser(ServiceRefusal):
    """`field` is the field of the request that names the user."""

    sentence = "Nobody active is known here as {user!r}."
    user: str
    field: str


@dataclass(eq=False)
class UnknownArticle(ServiceRefusal):
    sentence = "There is no article {article!r} in the knowledge base."
    article: str


@dataclass(eq=False)
class UnknownToken(ServiceRefusal):
    sentence = "There is no token {token!r} of yours."
    token: str


@dataclass(eq=False)
class UnknownDelegation(ServiceRefusal):
    sentence = "There is no delegation {delegation!r} of yours."
    delegation: str


@dataclass(eq=False)
class UnknownHook(ServiceRefusal):
    sentence = "There is no hook {hook!r} of this kind."
    hook: str


@dataclass(eq=False)
class UnknownDelivery(ServiceRefusal):
    sentence = "There is no delivery {delivery!r}."
    delivery: str


@dataclass(eq=False)
class DeliveryDone(ServiceRefusal):
    sentence = "Delivery {delivery} has done what it asked for; there is nothing to be tried again."
    delivery: str


@dataclass(eq=False)
class DeliveryBodyRemoved(ServiceRefusal):
    """`removed_at` is the day."""

    sentence = "The body of delivery {delivery} is kept no longer: it was removed on {removed_at}."
    delivery: str
    removed_at: str


@dataclass(eq=False)
class SignatureRefused(ServiceRefusal):
    """`fault` is `missing`, `wrong`, `stale` or `replayed`."""

    sentence = "The signature of this delivery to {hook} does not hold: it is {fault}."
    hook: str
    fault: str


@dataclass(eq=False)
class UnknownAccount(ServiceRefusal):
    sentence = "The hook asks as {account}, which is no active service account here."
    account: str


@dataclass(eq=False)
class SecretShownOnce(ServiceRefusal):
    sentence = "This call has made token {token} before; a token is shown once and kept by nobody."
    token: str


@dataclass(eq=False)
class TokenForAnother(ServiceRefusal):
    sentence = "A token that acts as {user} can be made by {user} only."
    user: str


@dataclass(eq=False)
class OwnEntry(ServiceRefusal):
    sentence = "{person} cannot change their own entry."
    person: str


@dataclass(eq=False)
class SelfAppointed(ServiceRefusal):
    sentence = "{person} cannot make themselves the stand-in of {principal}."
    person: str
    principal: str


@dataclass(eq=False)
class DevelopmentIdentity(ServiceRefusal):
    sentence = "{user} is a development identity and stays as it is."
    user: str


@dataclass(eq=False)
class UserKindFixed(ServiceRefusal):
    sentence = "{user} is on record as {kind} and stays one."
    user: str
    kind: str


@dataclass(eq=False)
class ConsentingService(ServiceRefusal):
    sentence = "A service account cannot be in a group that decides: {groups}."
    user: str
    groups: str


@dataclass(eq=False)
class TooManyRequests(ServiceRefusal):
    """`retry_after` is in seconds."""

    sentence = "Too many requests; the next one is welcome in {retry_after} seconds."
    retry_after: int


@dataclass(eq=False)
class SignInUnavailable(ServiceRefusal):
    sentence = "The identity provider does not answer, so nobody can be recognised by its tokens."


@dataclass(eq=False)
class UnknownPath(ServiceRefusal):
    sentence = "There is nothing at {path}."
    path: str


@dataclass(eq=False)
class MethodNotAllowed(ServiceRefusal):
    sentence = "{method} is not possible at {path}."
    method: str
    path: str


@dataclass(eq=False)
class BodyTooLarge(ServiceRefusal):
    sentence = "The body is larger than {limit} bytes."
    limit: int


@dataclass(eq=False)
class FileRefused(ServiceRefusal):
    """By its content, whatever name or type it comes with; or called as a script or program is."""

    sentence = "This file is of no kind that is taken: {taken}."
    taken: str


@dataclass(eq=False)
class InvalidRequest(ServiceRefusal):
    """What cannot be read stands in `errors` of the problem document; what was sent is never repeated."""

    sentence = "The request cannot be read as it was sent."


@dataclass(eq=False)
class WindowTooLong(ServiceRefusal):
    sentence = "A correction window of {hours} hours is longer than the {most} hours this ledger allows."
    hours: int
    most: int


@dataclass(eq=False)
class CursorUnreadable(ServiceRefusal):
    sentence = "The cursor is not one that was given out here."


@dataclass(eq=False)
class KeyReused(ServiceRefusal):
    sentence = "The Idempotency-Key was used before for something else."


@dataclass(eq=False)
class DeliveryIdReused(ServiceRefusal):
    sentence = "The id of this delivery to {hook} was used before for another body."
    hook: str


@dataclass(eq=False)
class PolicyMoved(ServiceRefusal):
    sentence = "The policy {based_on!r} is not in force any more; it is {current!r} now."
    based_on: str
    current: str


@dataclass(eq=False)
class UnknownSchedule(ServiceRefusal):
    sentence = "There is no schedule {schedule!r}."
    schedule: str


@dataclass(eq=False)
class ScheduleRuns(ServiceRefusal):
    """No two runs of a schedule at once: a second one is not begun, and not kept for later."""

    sentence = "A run of {schedule} is under way; no second one was begun."
    schedule: str


@dataclass(eq=False)
class ScheduleTooOften(ServiceRefusal):
    """`least` is in minutes."""

    sentence = "{schedule} may run every {least} minutes at most."
    schedule: str
    least: int


@dataclass(eq=False)
class BackfillUnordered(ServiceRefusal):
    sentence = "Runs are made up for a time that begins before it ends, and has passed."


@dataclass(eq=False)
class BackfillTooMany(ServiceRefusal):
    sentence = "More than {most} runs were due in this time."
    most: int


@dataclass(eq=False)
class UnknownSubscription(ServiceRefusal):
    sentence = "There is no subscription {subscription!r}."
    subscription: str


@dataclass(eq=False)
class TargetForbidden(ServiceRefusal):
    """`why` is one of the reasons in `service/texts.py`."""

    sentence = "Events are not posted to this address: {why}."
    why: str


@dataclass(eq=False)
class UnknownChannel(ServiceRefusal):
    """`n` is the place in the list that was sent, from 0."""

    sentence = "There is no channel {channel!r}."
    channel: str
    n: int


@dataclass(eq=False)
class AddressUnsuitable(ServiceRefusal):
    """`n` is the place in the list that was sent, from 0."""

    sentence = "Nobody can be told there through channel {channel!r}."
    channel: str
    n: int


@dataclass(eq=False)
class UnknownLink(ServiceRefusal):
    sentence = "There is no such link."


@dataclass(eq=False)
class LinkOfAnother(ServiceRefusal):
    sentence = "This link was sent to somebody else, not to {person}."
    person: str


@dataclass(eq=False)
class LinkUsed(ServiceRefusal):
    sentence = "This link was used before; it led to task {task}."
    task: str


@dataclass(eq=False)
class LinkExpired(ServiceRefusal):
    sentence = "This link has expired; it led to task {task}."
    task: str


@dataclass(eq=False)
class FormFieldsMissing(ServiceRefusal):
    sentence = "Form {form} has no fields {fields} any more, which its map names."
    form: str
    fields: str


@dataclass(eq=False)
class JiandaoyunSaysNo(ServiceRefusal):
    """`code` is the vendor's."""

    sentence = "Jiandaoyun has refused with {code}: {said}"
    code: str
    said: str


@dataclass(eq=False)
class NotHere(ServiceRefusal):
    """For parts of a case that do not exist yet, or never will."""

    sentence = "{request} has no {part}, or not yet."
    request: str
    part: str


@dataclass(eq=False)
class SpanUnusable(ServiceRefusal):
    """`most` is the number of months that can be asked for at once."""

    sentence = "From {first} to {last} is no span of at most {most} months."
    first: str
    last: str
    most: int


@dataclass(eq=False)
class Unexpected(ServiceRefusal):
    sentence = "Something went wrong inside Unclose."


def every_refusal() -> tuple[type[ServiceRefusal], ...]:
    return tuple(sorted(ServiceRefusal.__subclasses__(), key=lambda cls: cls.__name__))
