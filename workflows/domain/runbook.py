"""Runbooks: what a person is told who moves a pointer in the ERP (R60 to R62, R73; trap T8: texts are data).

Menus differ from version to version and from house to house, so nothing here knows any. A runbook is chosen
by connector, its text by verb and module; which version was shown goes on record with its SHA-256.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from string import Formatter

from workflows.domain.digest import sha256
from workflows.domain.ledger import Module, Verb
from workflows.domain.period import FiscalCalendar
from workflows.domain.plan import PlanStep, pointer_after, pointer_before

PLACEHOLDERS = frozenset({"module", "period", "current", "after"})
"""What a text may speak of: the module as the ERP calls it, the period of the step, and the module's current
period before and after it."""


@dataclass(frozen=True)
class StepText:
    """What a person reads at one step, in one language."""

    title: str
    menu: tuple[str, ...]
    """The path through the ERP's menus."""
    do: tuple[str, ...]
    """What to do there, one act a line."""
    expect: str
    """What the ERP shows when it has worked."""
    avoid: tuple[str, ...]
    """What not to click."""
    screenshot: str = ""
    """Name of a picture, to be put beside the text; empty where there is none."""


@dataclass(frozen=True)
class RunbookStep:
    """The texts for one verb; without a module they hold for every module that has none of its own."""

    verb: Verb
    module: Module | None
    zh: StepText
    en: StepText


@dataclass(frozen=True)
class ModuleName:
    """What the ERP calls a module in its menus."""

    module: Module
    zh: str
    en: str


@dataclass(frozen=True)
class Runbook:
    """All instructions of one ERP, under a version of their own."""

    name: str
    version: str
    modules: tuple[ModuleName, ...]
    steps: tuple[RunbookStep, ...]

    def __post_init__(self) -> None:
        named = [(step.verb, step.module) for step in self.steps]
        if len(set(named)) != len(named):
            raise ValueError("a runbook has one text for each verb and module")
        missing = [verb for verb in Verb if (verb, None) not in named]
        if missing:
            raise ValueError(f"a runbook needs a text without a module for {', '.join(missing)}")
        unknown = {name for step in self.steps for text in (step.zh, step.en) for name in _names(text)}
        if unknown - PLACEHOLDERS:
            raise ValueError(f"a text speaks of {sorted(unknown - PLACEHOLDERS)}, which no step has")

    @property
    def sha256(self) -> str:
        return sha256(self)

    def changed(
        self, version: str, steps: Iterable[RunbookStep] = (), modules: Iterable[ModuleName] = ()
    ) -> "Runbook":
        """The same runbook with some texts and names of its own house, under a version of its own."""
        own, names = tuple(steps), tuple(modules)
        taken, renamed = {(s.verb, s.module) for s in own}, {name.module for name in names}
        return replace(
            self,
            version=version,
            steps=(*own, *(s for s in self.steps if (s.verb, s.module) not in taken)),
            modules=(*names, *(name for name in self.modules if name.module not in renamed)),
        )


@dataclass(frozen=True)
class Instruction:
    """What is shown to the person at one guided step, and which runbook said so."""

    runbook: str
    version: str
    sha256: str
    language: str
    text: StepText


def runbook_for(runbook: Runbook, step: PlanStep, language: str, calendar: FiscalCalendar) -> Instruction:
    """The instruction for one step of a plan; `zh`, or English for any other language."""
    chosen = {(each.verb, each.module): each for each in runbook.steps}
    found = chosen.get((step.verb, step.module), chosen[step.verb, None])
    text = found.zh if language == "zh" else found.en
    words = {
        "module": _name(runbook, step.module, language),
        "period": str(step.period),
        "current": str(pointer_before(step, calendar)),
        "after": str(pointer_after(step, calendar)),
    }
    told = "zh" if language == "zh" else "en"
    return Instruction(runbook.name, runbook.version, runbook.sha256, told, _filled(text, words))


def _name(runbook: Runbook, module: Module, language: str) -> str:
    for name in runbook.modules:
        if name.module == module:
            return name.zh if language == "zh" else name.en
    return module


def _filled(text: StepText, words: dict[str, str]) -> StepText:
    return StepText(
        title=text.title.format(**words),
        menu=tuple(part.format(**words) for part in text.menu),
        do=tuple(part.format(**words) for part in text.do),
        expect=text.expect.format(**words),
        avoid=tuple(part.format(**words) for part in text.avoid),
        screenshot=text.screenshot,
    )


def _names(text: StepText) -> set[str]:
    """The placeholders in a text."""
    parts: list[str] = []
    for field in fields(text):
        value = getattr(text, field.name)
        parts += [value] if isinstance(value, str) else value
    return {name for part in parts for _, name, _, _ in Formatter().parse(part) if name is not None}
