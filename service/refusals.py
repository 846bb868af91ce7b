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
class NotHere(ServiceRefusal):
    """For parts of a case that do not exist yet, or never will."""

    sentence = "{request} has no {part}, or not yet."
    request: str
    part: str


@dataclass(eq=False)
class Unexpected(ServiceRefusal):
    sentence = "Something went wrong inside Unclose."


def every_refusal() -> tuple[type[ServiceRefusal], ...]:
    return tuple(sorted(ServiceRefusal.__subclasses__(), key=lambda cls: cls.__name__))
