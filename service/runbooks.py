"""Runbooks as they are written: shipped with a connector, changed in `ledgers.toml`."""

import tomllib
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workflows.domain.ledger import Module, Verb
from workflows.domain.runbook import ModuleName, Runbook, RunbookStep, StepText

_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Lines = Annotated[tuple[_Text, ...], Field(min_length=1, max_length=20)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _StepText(_Part):
    title: _Text
    menu: _Lines
    do: _Lines
    expect: _Text
    avoid: _Lines
    screenshot: Annotated[str, Field(max_length=200)] = ""

    def text(self) -> StepText:
        return StepText(self.title, self.menu, self.do, self.expect, self.avoid, self.screenshot)


class _Step(_Part):
    verb: Verb
    module: Module | None = None
    zh: _StepText
    en: _StepText

    def step(self) -> RunbookStep:
        return RunbookStep(self.verb, self.module, self.zh.text(), self.en.text())


class _Name(_Part):
    zh: _Text
    en: _Text


class OwnRunbook(_Part):
    """What a house has changed in the runbook of its ERP: texts, names of modules, and its own version."""

    version: _Text
    modules: dict[Module, _Name] = Field(default_factory=dict)
    steps: tuple[_Step, ...] = ()

    def applied_to(self, runbook: Runbook) -> Runbook:
        """Raises ValueError: two texts for one step, or a text that speaks of what no step has."""
        return runbook.changed(self.version, (each.step() for each in self.steps), _names(self.modules))


class _File(_Part):
    name: _Text
    version: _Text
    modules: dict[Module, _Name]
    steps: tuple[_Step, ...]


def shipped(connector: str) -> Runbook:
    """The runbook that comes with a connector; the general one where it has none of its own."""
    runbooks = files("activities.erp").joinpath("runbooks")
    own = runbooks.joinpath(f"{connector}.toml")
    file = own if own.is_file() else runbooks.joinpath("general.toml")
    read = _File.model_validate(tomllib.loads(file.read_text("utf-8")))
    steps = tuple(each.step() for each in read.steps)
    return Runbook(read.name, read.version, _names(read.modules), steps)


def _names(modules: dict[Module, _Name]) -> tuple[ModuleName, ...]:
    return tuple(ModuleName(module, name.zh, name.en) for module, name in modules.items())
