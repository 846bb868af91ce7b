"""The body of a request as the wish it stands for."""

from service.schemas import RequestIn
from service.wishes import Wish
from workflows.domain.request import ScopeItem


def wish_in(body: RequestIn) -> Wish:
    return Wish(
        ledger=body.ledger,
        target_period=body.target_period,
        modules=tuple(body.modules),
        reason_code=body.reason_code,
        reason=body.reason,
        scope=tuple(ScopeItem(item.document, item.intent, item.note) for item in body.scope),
        correctors=tuple(dict.fromkeys(body.correctors)),
        window_hours=body.window_hours,
        expedited=body.expedited,
        vendor_ticket=body.vendor_ticket,
        acknowledgement=body.acknowledgement,
        external_ref=body.external_ref,
    )
