"""`unclose user`: who is known and in which groups, straight in the register."""

from typing import Annotated

import typer

from service.commands.administration import Desk, at_desk, name_of, words_of
from service.commands.opening import DataDir
from service.commands.printing import open_console, open_table
from service.queries import Page, Slice
from service.user import User
from service.users import UserEntry
from workflows.domain.approval import Group

COMMAND = typer.Typer(no_args_is_help=True)

Groups = Annotated[str, typer.Option(help="Comma-separated; all groups the user is to be in.")]
DisplayName = Annotated[str | None, typer.Option(help="Name as people read it.")]
Inactive = Annotated[bool, typer.Option("--inactive", help="May not come in, approve, or be stood in for.")]


@COMMAND.command(name="set")
def set_(
    name: Annotated[str, typer.Argument(help="Name of the user.")],
    groups: Groups = "",
    display_name: DisplayName = None,
    inactive: Inactive = False,
    data_dir: DataDir = None,
) -> None:
    """Add a person, or change what is known of a user. The first administrator is made with this."""
    entry = UserEntry(words_of(Group, groups, "--groups"), not inactive, display_name)
    usable = name_of(name)

    async def put(desk: Desk) -> User:
        return await desk.users.put(usable, entry, desk.by)

    user = at_desk(put, data_dir)
    typer.echo(f"{user.name}: {', '.join(user.groups) or 'no group'}{'' if user.active else ', inactive'}")


@COMMAND.command(name="list")
def list_(data_dir: DataDir = None) -> None:
    """List everyone in the register, by name."""

    async def read(desk: Desk) -> list[User]:
        found: list[User] = []
        page: Page[User] = Page((), "")
        part = Slice(200)
        while page.next is not None:
            page = await desk.users.page(part)
            found += page.items
            part = Slice(200, page.next)
        return found

    users = at_desk(read, data_dir)
    table = open_table("users", "name", "known as", "kind", "groups", "kept by", "active")
    for user in users:
        shown = (user.name, user.display_name, user.kind, ", ".join(user.groups), user.source)
        table.add_row(*shown, "yes" if user.active else "no")
    open_console().print(table if users else "nobody yet")
