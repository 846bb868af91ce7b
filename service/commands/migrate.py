"""`unclose migrate`: bring the register's tables up to date."""

import typer

from service.commands.opening import open_settings
from service.migrate import upgrade


def migrate() -> None:
    """Apply every migration that is missing. Doing it again does nothing."""
    settings = open_settings()
    upgrade(settings.database_url)
    typer.echo("the register is up to date")


COMMAND = migrate
