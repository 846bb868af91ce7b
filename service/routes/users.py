"""Who is known, and in which groups: for administrators."""

from typing import Annotated

from fastapi import APIRouter, Path

from service import identity_views
from service.dependencies import TheAdministrator, ThePage, TheParts
from service.identity_schemas import UserIn, UserList, UserName, UserOut
from service.problem_answers import responses
from service.refusals import (
    ConsentingService,
    CursorUnreadable,
    DevelopmentIdentity,
    NotAnAdministrator,
    OwnEntry,
    PersonNeeded,
    UserKindFixed,
)
from service.scopes import needs
from service.user import TokenScope
from service.users import UserEntry

router = APIRouter(prefix="/users", tags=["users"])

Named = Annotated[UserName, Path(description="Name of the user.")]


@router.get(
    "",
    responses=responses(NotAnAdministrator, PersonNeeded, CursorUnreadable),
    openapi_extra=needs(TokenScope.ADMIN),
)
async def list_users(parts: TheParts, _admin: TheAdministrator, page: ThePage) -> UserList:
    """Everyone in the register, by name."""
    found = await parts.users.page(page)
    return UserList(items=[identity_views.user(user) for user in found.items], next=found.next)


@router.put(
    "/{name}",
    responses=responses(
        NotAnAdministrator, PersonNeeded, OwnEntry, DevelopmentIdentity, UserKindFixed, ConsentingService
    ),
)
async def put_user(name: Named, body: UserIn, parts: TheParts, admin: TheAdministrator) -> UserOut:
    """Add a user or change what is known of them; it holds from the next call on, and is on record."""
    entry = UserEntry(tuple(body.groups), body.active, body.display_name, body.kind, body.source, body.unbind)
    return identity_views.user(await parts.users.put(name, entry, admin.actor))
