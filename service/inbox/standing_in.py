"""As whom a hook asks: its service account, on behalf of the person whom the delivery names."""

from service.inbox.ports import Hook
from service.refusals import UnknownAccount
from service.user import UserKind
from service.users import Users
from workflows.domain.case import Actor
from workflows.domain.errors import UnknownPerson


async def actor_of(hook: Hook, person: str | None, users: Users, field: str) -> Actor:
    """Both go on record; the account gains no right by it (the rule of `X-On-Behalf-Of`).

    Raises:
        UnknownAccount: the hook's account is no active service account.
        UnknownPerson: nobody active has this name; `field` is where the delivery names them.
    """
    account = await users.find(hook.account)
    if account is None or not account.active or account.kind != UserKind.SERVICE:
        raise UnknownAccount(hook.account)
    if person is not None:
        known = await users.find(person)
        if known is None or not known.active or known.kind != UserKind.PERSON:
            raise UnknownPerson(person, field)
    return Actor(account.name, account.groups, person, origin=f"hook {hook.name}")
