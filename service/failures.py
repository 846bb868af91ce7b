"""How a command says no: one clear line on stderr, what to do about it, and an exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from service.listener import PortTaken
from service.refusals import ServiceRefusal
from service.supervisor import TreeFailed
from workflows.domain.errors import Hidden, Malformed, UncloseError

REFUSED = 1
MISUSED = 2
"""The wish itself cannot be read or names something that is not there."""


class CommandFailed(Exception):
    """A command cannot go on; the text says why, the remedy what to do about it."""

    def __init__(self, text: str, remedy: str | None = None, code: int = REFUSED) -> None:
        super().__init__(text)
        self.remedy, self.code = remedy, code


@contextmanager
def explain() -> Iterator[None]:
    """Turn what is refused into a line for people; anything else is a bug and keeps its traceback."""
    try:
        yield
    except CommandFailed as error:
        _leave(str(error), error.remedy, error.code)
    except (PortTaken, TreeFailed) as error:
        _leave(str(error), None, REFUSED)
    except ServiceRefusal as error:
        _leave(str(error), remedy(error), REFUSED)
    except UncloseError as error:
        code = MISUSED if isinstance(error, Malformed | Hidden) else REFUSED
        _leave(str(error), remedy(error), code)


def remedy(error: UncloseError | ServiceRefusal) -> str | None:
    """What to do about it. Loaded only now: a command that succeeds need not know the words of refusal."""
    return str(import_module("service.problems").remedy(error))


def _leave(text: str, remedy: str | None, code: int) -> None:
    sys.stderr.write(f"unclose: {text}\n")
    if remedy:
        sys.stderr.write(f"  → {remedy}\n")
    sys.exit(code)
