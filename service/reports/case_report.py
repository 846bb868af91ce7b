"""The report of a case from its file: the whole order of sections, in Chinese or English."""

from activities.recording import CaseFile
from activities.report.document import Report
from service.reports.changes import corrections, differences
from service.reports.execution import backups, rehearsal, steps
from service.reports.material import Letterhead, Material
from service.reports.overview import cover, time
from service.reports.record import events, proofs, signatures, trail
from service.reports.wish import consent, findings, request
from service.texts import Language
from workflows.domain.digest import canonical

FORMAT = "unclose-report-1"
"""Which report this is: a later one may say the same otherwise."""


def case_record(file: CaseFile) -> str:
    """What the report is made from, as canonical JSON: attached to it, and named in it by its SHA-256."""
    told = {"format": FORMAT, "request": file.request, "events": file.events, "parts": file.parts}
    return canonical({**told, "tasks": file.tasks})


def case_report(file: CaseFile, language: Language, letterhead: Letterhead | None = None) -> Report:
    """The report as a document. A case that has not ended gives a draft, which says so on every page."""
    m = Material(file, language, letterhead or Letterhead())
    sections = (
        time(m),
        request(m),
        findings(m),
        consent(m),
        steps(m),
        rehearsal(m),
        backups(m),
        corrections(m),
        differences(m),
        proofs(m),
        trail(m, case_record(file)),
        signatures(m),
        events(m),
    )
    return Report(
        language=language,
        region="CN" if language == Language.ZH else "GB",
        cover=cover(m),
        contents=m.say("Contents", "目录"),
        sections=sections,
        page=m.say("Page {n} of {all}", "第 {n} 页 共 {all} 页"),
        draft="" if m.is_final else m.say("DRAFT", "草稿"),
    )


def report_text(file: CaseFile, language: Language, letterhead: Letterhead | None = None) -> str:
    """Everything that can be read in the report, a line for each row: for searching the archive."""
    return case_report(file, language, letterhead).text()
