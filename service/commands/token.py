"""`unclose token`: make, list and revoke API tokens, straight in the register."""

from typing import Annotated

import typer

from service.commands.administration import Desk, at_desk, name_of, words_of
from service.commands.opening import DataDir
from service.commands.printing import open_console, open_table
from service.failures import MISUSED, CommandFailed
from service.queries import Page, Slice
from service.tokens import LONGEST_DAYS, NewToken, Token, TokenWish
from service.user import TokenScope, UserKind
from service.users import UserEntry

COMMAND = typer.Typer(no_args_is_help=True)

User = Annotated[str, typer.Option(help="Name of the user it is to belong to.")]
Scopes = Annotated[str, typer.Option(help="Comma-separated: read, request, act, admin.")]
Days = Annotated[int, typer.Option(min=1, max=LONGEST_DAYS, help="Days until it expires.")]
Label = Annotated[str, typer.Option(help="What it is used for.")]
Service = Annotated[bool, typer.Option("--service", help="For a service account; added if there is none.")]


@COMMAND.command()
def create(
    user: User,
    scopes: Scopes,
    days: Days,
    label: Label = "",
    service: Service = False,
    data_dir: DataDir = None,
) -> None:
    """Make a token and show it, this once."""
    owner = name_of(user)
    wish = TokenWish(owner, words_of(TokenScope, scopes, "--scopes"), days, label)
    if not wish.scopes:
        raise CommandFailed("--scopes names none", "say what it is for, for example read,act", MISUSED)

    async def make(desk: Desk) -> NewToken:
        known = await desk.users.find(owner)
        if service and known is None:
            await desk.users.put(owner, UserEntry((), kind=UserKind.SERVICE), desk.by)
        elif known is not None and service != (known.kind == UserKind.SERVICE):
            remedy = "leave --service out" if service else "say --service"
            raise CommandFailed(f"{owner} is on record as {known.kind}", remedy, MISUSED)
        return await desk.tokens.make(wish, desk.by)

    made = at_desk(make, data_dir)
    typer.echo(made.secret)
    typer.echo(
        f"token {made.token.id} of {owner}, until {made.token.expires_at.isoformat(timespec='minutes')}; "
        "it is shown this once and kept by nobody",
        err=True,
    )


@COMMAND.command(name="list")
def list_(
    user: Annotated[str | None, typer.Option(help="Only of this user.")] = None, data_dir: DataDir = None
) -> None:
    """List tokens, newest first; the tokens themselves are kept by nobody."""

    async def read(desk: Desk) -> Page[Token]:
        return await desk.tokens.page(user, Slice(200))

    page = at_desk(read, data_dir)
    table = open_table("tokens", "id", "user", "scopes", "expires", "revoked", "last used", "label")
    for token in page.items:
        table.add_row(*_row(token))
    open_console().print(table if page.items else "no token yet")


def _row(token: Token) -> tuple[str, ...]:
    moments = (token.expires_at, token.revoked_at, token.last_used_at)
    told = ("–" if moment is None else moment.isoformat(timespec="minutes") for moment in moments)
    return (token.id, token.user, ",".join(token.scopes), *told, token.label)


@COMMAND.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Id of the token, as `list` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """End a token now: no call under it is answered any more."""

    async def end(desk: Desk) -> Token:
        return await desk.tokens.revoke(token, desk.by, is_admin=True)

    typer.echo(f"token {at_desk(end, data_dir).id} is revoked")
