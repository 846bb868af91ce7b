"""What a report says of a case: content only, no page."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from activities.report.document import Tone
from service.reports.case_report import case_report, report_text
from service.reports.chain import verify
from service.reports.changes import LONGEST
from service.reports.material import Letterhead, Material
from service.texts import Language
from tests.report_cases import CASE, DIGEST, LONG_NAME, OTHER_ROOT, ROOT, completed, ended_early, running
from workflows.domain.case import CaseEvent, EventKind
from workflows.domain.request import FINAL_STATES, CaseState

HEAD = Letterhead("演示账套", ZoneInfo("Asia/Shanghai"), {"warehouse": "王仓管", "finance": "李雷"})


@pytest.mark.parametrize("language", Language)
def test_a_completed_case_tells_everything_that_an_auditor_asks_for(language: Language) -> None:
    text = report_text(completed(), language, HEAD)
    for fact in (
        CASE,
        DIGEST,
        ROOT,
        OTHER_ROOT,
        "IN-2025-03-0007",
        "80.00 → 100.00",
        f"{CASE}-B",
        "10.1.2.3",
    ):
        assert fact in text
    assert "2025-06-13 09:05:00" in text  # in the ledger's own time


def test_both_languages_have_the_same_sections_and_tables() -> None:
    def shape(language: Language) -> list[list[str]]:
        return [
            [block.kind for block in section.blocks]
            for section in case_report(completed(), language).sections
        ]

    assert shape(Language.ZH) == shape(Language.EN)


def test_who_decided_is_named_with_the_person_they_stood_in_for() -> None:
    assert "李雷（finance）" in report_text(completed(), Language.ZH, HEAD)
    assert "李雷 (finance) on behalf of deputy" in report_text(completed(), Language.EN, HEAD)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("state", sorted(FINAL_STATES - {CaseState.COMPLETED, CaseState.ROLLED_BACK}))
def test_every_end_has_a_report_that_is_no_draft(state: CaseState, language: Language) -> None:
    report = case_report(ended_early(state), language)
    assert not report.draft
    assert report.cover.outcome in report.text()


def test_a_case_that_has_not_ended_gives_a_draft() -> None:
    assert case_report(running(), Language.EN).draft == "DRAFT"
    assert case_report(running(), Language.ZH).draft == "草稿"


def test_what_is_told_after_the_end_does_not_change_the_report() -> None:
    file = completed()
    last = file.events[-1]
    later = CaseEvent(
        last.seq + 1, last.at + timedelta(days=400), "auditor", None, EventKind.COMMENTED, {}, last.digest
    )
    after = case_report(replace(file, events=(*file.events, later)), Language.EN)
    before = case_report(file, Language.EN)
    assert after.cover == before.cover
    assert after.sections[-1] == before.sections[-1]


def test_an_unbroken_chain_is_said_to_be_unbroken() -> None:
    m = Material(completed(), Language.EN)
    assert verify(m).broken_at is None
    assert "unbroken" in report_text(m.file, Language.EN)


def test_a_changed_event_is_found_and_said_on_the_cover() -> None:
    file = completed()
    events = list(file.events)
    events[4] = replace(events[4], actor="somebody else")
    report = case_report(replace(file, events=tuple(events)), Language.EN)
    assert any("BROKEN at event 6" in fact.value.text for fact in report.cover.facts)


def test_a_step_that_differs_from_the_rehearsal_is_said_to_differ() -> None:
    file = completed()
    known = Material(file, Language.EN).part("rehearsal")
    movements = [{**move, "pointers": {}} for move in known["movements"]]
    told = replace(file, parts={**file.parts, "rehearsal": {**known, "movements": movements}})
    assert "✓" in report_text(file, Language.EN)
    assert "✓" not in report_text(told, Language.EN)


def test_a_planned_step_that_was_never_done_is_said_not_to_be_done() -> None:
    assert "not done" in report_text(completed(), Language.EN)


def test_more_rows_than_a_table_takes_are_counted() -> None:
    text = report_text(completed(documents=LONGEST + 23), Language.EN)
    assert "23 more rows stand in the evidence." in text


def test_a_long_name_is_said_in_full() -> None:
    assert LONG_NAME in report_text(completed(person=LONG_NAME), Language.ZH)


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (None, "—"),
        (0, "0.00 s"),
        (59_990, "59.99 s"),
        (60_000, "1 min 0 s"),
        (35_940_000, "9 h 59 min"),
        (176_400_000, "2 d 1 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(milliseconds: int | None, said: str) -> None:
    assert Material(running(), Language.EN).duration(milliseconds) == said


def test_what_two_persons_went_on_over_stands_on_the_cover() -> None:
    file = completed()
    told = replace(file, parts={**file.parts, "skipped": [{"says": "gl 2025-01 has moved"}]})
    cover = case_report(told, Language.EN).cover
    assert "Two persons went on over: gl 2025-01 has moved" in cover.because
    assert (cover.tone, case_report(file, Language.EN).cover.tone) == (Tone.WARNING, Tone.GOOD)


def test_what_was_changed_past_the_erp_stands_on_the_cover() -> None:
    file = completed()
    difference = {**Material(file, Language.EN).part("difference"), "unlogged": ["IN-2025-03-0009"]}
    cover = case_report(replace(file, parts={**file.parts, "difference": difference}), Language.EN).cover
    assert "Changed past the ERP: IN-2025-03-0009." in cover.because
    assert cover.tone == Tone.WARNING
