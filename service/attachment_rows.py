"""The attachments of a case in the register: taken from its events, read by people."""

from sqlalchemy import Connection, select

from activities.verifier import ATTACHED
from service.database import insert_new
from service.trail_tables import attachments
from workflows.domain.attachments import Attachment
from workflows.domain.case import CaseEvent
from workflows.domain.errors import UnknownAttachment

_COLUMNS = tuple(column.name for column in attachments.c if column.name != "case_id")


def keep_attachment(connection: Connection, case: str, event: CaseEvent) -> None:
    """Told twice, the first telling counts."""
    row = {name: event.data[name] for name in ATTACHED}
    told = {"seq": event.seq, "person": event.actor, "on_behalf_of": event.on_behalf_of, "at": event.at}
    connection.execute(insert_new(connection, attachments), {**row, **told, "case_id": case})


def read_attachments(connection: Connection, case: str) -> tuple[Attachment, ...]:
    """In the order in which they were added."""
    wanted = select(*(attachments.c[name] for name in _COLUMNS)).where(attachments.c.case_id == case)
    rows = connection.execute(wanted.order_by(attachments.c.seq, attachments.c.id)).mappings()
    return tuple(Attachment(**row) for row in rows)


def read_attachment(connection: Connection, case: str, attachment: str) -> Attachment:
    """Raises UnknownAttachment."""
    found = [one for one in read_attachments(connection, case) if one.id == attachment]
    if not found:
        raise UnknownAttachment(attachment, case)
    return found[0]
