"""`unclose config check`: every setting, its source, never a secret; and what cannot work."""

import typer

from service.commands.opening import (
    DataDir,
    open_book,
    open_forms,
    open_hooks,
    open_settings,
    require_startable,
)
from service.inbox.hooks import described

COMMAND = typer.Typer(no_args_is_help=True)


@COMMAND.callback()
def config() -> None:
    """Look at the settings."""


@COMMAND.command()
def check(data_dir: DataDir = None) -> None:
    """Print each setting with its source; fail if Unclose could not start with them."""
    settings = open_settings(data_dir)
    for setting in settings.described():
        typer.echo(f"{setting.name} = {setting.shown}  ({setting.source})\n    {setting.description}")
    require_startable(settings)
    typer.echo(f"ledgers: {', '.join(open_book(settings).codes)}")
    hooks = open_hooks(settings)
    typer.echo(f"hooks: {'; '.join(f'{name} ({said})' for name, said in described(hooks).items()) or 'none'}")
    access = open_forms(settings)
    typer.echo(f"forms: {', '.join(form.code for form in access.forms.forms) if access else 'none'}")
