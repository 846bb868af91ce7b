"""Holds an evidence package against the register: whether it is one that was ever made here."""

from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from service.audit_trail import AuditKind
from service.stored_rows import read_rows
from service.tables import cases
from service.trail_tables import audit_events, evidence_packages

_TOLD = (AuditKind.PACKAGE_MADE, AuditKind.EVIDENCE_EXPORTED)


def known_packages(connection: Connection, case: str) -> set[str] | None:
    """SHA-256 of every package of the case that was kept or handed out; none: the case is not known here."""
    if connection.scalar(select(cases.c.id).where(cases.c.id == case)) is None:
        return None
    kept = select(evidence_packages.c.sha256).where(evidence_packages.c.case_id == case)
    about = audit_events.c.subject == case, audit_events.c.kind.in_(_TOLD)
    told = (entry["data"] for entry in read_rows(connection, audit_events, *about))
    handed_out = {str(data["sha256"]) for data in told if isinstance(data, dict) and "sha256" in data}
    return handed_out | set(connection.scalars(kept))


def is_at_hand(database_url: str) -> bool:
    """Whether there may be a register to ask; a file that is not there is not made for it."""
    url = make_url(database_url)
    return url.get_backend_name() != "sqlite" or (url.database is not None and Path(url.database).is_file())
