"""What a person is told at a guided step: by verb and module, in both languages, with the version shown."""

from dataclasses import replace

import pytest

from service.runbooks import shipped
from tests.builders import a_calendar, a_period
from workflows.domain.ledger import Module, StepMode, Verb
from workflows.domain.plan import PlanStep, Why
from workflows.domain.runbook import ModuleName, Runbook, RunbookStep, StepText, runbook_for

CALENDAR = a_calendar()
GENERAL = StepText("{module} {period}", ("menu",), ("from {current} to {after}",), "done", ("nothing else",))
OF_GL = replace(GENERAL, title="the ledger {period}")


def a_runbook(*more: RunbookStep) -> Runbook:
    general = tuple(RunbookStep(verb, None, GENERAL, GENERAL) for verb in Verb)
    names = (ModuleName(Module.COST, "成本", "costing"),)
    return Runbook("an ERP", "1", names, (*general, *more))


def a_step(module: Module = Module.COST, verb: Verb = Verb.UNCLOSE, period: str = "2025-01") -> PlanStep:
    return PlanStep(1, verb, module, a_period(period), StepMode.GUIDED, Why.REQUESTED)


def test_a_text_names_module_period_and_where_the_pointer_goes() -> None:
    text = runbook_for(a_runbook(), a_step(), "en", CALENDAR).text
    assert (text.title, text.do) == ("costing 2025-01", ("from 2025-02 to 2025-01",))
    closing = runbook_for(a_runbook(), a_step(verb=Verb.RECLOSE, period="2025-12"), "zh", CALENDAR).text
    assert (closing.title, closing.do) == ("成本 2025-12", ("from 2025-12 to 2026-01",))


def test_a_module_with_a_text_of_its_own_gets_that() -> None:
    runbook = a_runbook(RunbookStep(Verb.UNCLOSE, Module.GL, OF_GL, OF_GL))
    assert runbook_for(runbook, a_step(Module.GL), "en", CALENDAR).text.title == "the ledger 2025-01"
    assert runbook_for(runbook, a_step(Module.CASH), "en", CALENDAR).text.title == "cash 2025-01"


def test_the_runbook_that_was_shown_is_named_by_version_and_digest() -> None:
    shown = runbook_for(a_runbook(), a_step(), "en", CALENDAR)
    assert (shown.runbook, shown.version, shown.sha256) == ("an ERP", "1", a_runbook().sha256)
    changed = a_runbook().changed("2", [RunbookStep(Verb.UNCLOSE, None, OF_GL, OF_GL)])
    assert changed.version == "2"
    assert changed.sha256 != shown.sha256
    assert runbook_for(changed, a_step(), "en", CALENDAR).text.title == "the ledger 2025-01"


def test_a_house_may_rename_a_module() -> None:
    renamed = a_runbook().changed("2", modules=[ModuleName(Module.COST, "实际成本", "actual cost")])
    assert runbook_for(renamed, a_step(), "zh", CALENDAR).text.title == "实际成本 2025-01"


@pytest.mark.parametrize(
    "steps",
    [
        (RunbookStep(Verb.UNCLOSE, None, GENERAL, GENERAL),),
        tuple(RunbookStep(verb, None, GENERAL, GENERAL) for verb in (*Verb, Verb.UNCLOSE)),
        tuple(RunbookStep(verb, None, GENERAL, replace(GENERAL, expect="{month}")) for verb in Verb),
    ],
    ids=["a verb without a text", "two texts for one step", "a word that no step has"],
)
def test_a_runbook_that_would_leave_a_person_without_words_is_refused(
    steps: tuple[RunbookStep, ...],
) -> None:
    with pytest.raises(ValueError, match="text"):
        Runbook("an ERP", "1", (), steps)


@pytest.mark.parametrize("connector", ["demo", "k3_wise", "one without a runbook of its own"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_shipped_runbook_has_words_for_every_step(connector: str, language: str) -> None:
    runbook = shipped(connector)
    for module in Module:
        for verb in Verb:
            shown = runbook_for(runbook, a_step(module, verb, "2025-05"), language, CALENDAR)
            assert "2025-05" in shown.text.title
            assert "2025-06" in shown.text.expect
            assert all((shown.text.menu, shown.text.do, shown.text.avoid, shown.version))
            assert "{" not in str(shown.text)
