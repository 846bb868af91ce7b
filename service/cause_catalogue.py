"""The catalogue of root causes as it is written: shipped with Unclose, extended in `ledgers.toml`."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workflows.domain.approval import Group
from workflows.domain.findings import FindingCode
from workflows.domain.root_cause import CauseCatalogue, RootCause

_Text = Annotated[str, Field(min_length=1, max_length=500)]


class CausePart(BaseModel):
    """One cause, in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    zh: _Text
    en: _Text
    prevention_zh: _Text
    prevention_en: _Text
    owner: Group
    check: FindingCode | None = None

    def cause(self) -> RootCause:
        return RootCause(**dict(self))


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    causes: tuple[CausePart, ...]


@cache
def shipped_causes() -> tuple[RootCause, ...]:
    """The causes that come with Unclose."""
    text = files("service").joinpath("catalogues", "root_causes.toml").read_text("utf-8")
    return tuple(part.cause() for part in _File.model_validate(tomllib.loads(text)).causes)


def catalogue(own: tuple[CausePart, ...], days: int) -> CauseCatalogue:
    """The causes of one ledger."""
    return CauseCatalogue.of((*shipped_causes(), *(part.cause() for part in own)), days)
