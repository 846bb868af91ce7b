"""The `unclose` command; each group of commands is a module of `service/commands/`, loaded when used."""

import sys
from dataclasses import dataclass
from importlib import import_module

import typer

from service.failures import explain
from service.here_to_stay import here_to_stay


@dataclass(frozen=True)
class Entry:
    """One line of `unclose --help`: where the command lives and what it does."""

    module: str
    help: str
    hidden: bool = False


COMMANDS = {
    "demo": Entry("demo", "Play one whole case on the demo ledger, with live progress."),
    "dev": Entry("dev", "Run API, worker, embedded Temporal and demo ledger until Ctrl-C."),
    "api": Entry("api", "Serve the HTTP API and the dashboard."),
    "worker": Entry("worker", "Run workflows and activities."),
    "migrate": Entry("migrate", "Bring the register's tables up to date."),
    "prepare": Entry("prepare", "What `dev` does once before it serves.", hidden=True),
    "plan": Entry("plan", "Show what opening a period would take. Changes nothing."),
    "ledger": Entry("ledger", "Look at a ledger, build one, list its cases."),
    "user": Entry("user", "Say who is known, and in which groups."),
    "token": Entry("token", "Make, list and revoke API tokens."),
    "backup": Entry("backup", "List backups, test one, restore one beside its ledger."),
    "checkpoint": Entry("checkpoint", "Sign where every chain of the register ends now."),
    "verify": Entry("verify", "Find what is not what was put on record: a case, a package, everything."),
    "openapi": Entry("openapi", "Print the OpenAPI document, or compare it with a file."),
    "config": Entry("config", "Look at the settings."),
}


def build(wanted: str | None) -> typer.Typer:
    """The command line with the wanted command loaded; of the others only name and help."""
    app = typer.Typer(
        name="unclose", no_args_is_help=True, add_completion=False, help="反结账 under control."
    )
    for name, entry in COMMANDS.items():
        if name == wanted:
            _attach(app, name, entry)
        else:
            app.command(name, help=entry.help, hidden=entry.hidden)(_not_loaded)
    return app


def _attach(app: typer.Typer, name: str, entry: Entry) -> None:
    with here_to_stay():
        part = import_module(f"service.commands.{entry.module}").COMMAND
    if isinstance(part, typer.Typer):
        app.add_typer(part, name=name, help=entry.help)
    else:
        app.command(name, help=entry.help)(part)


def _not_loaded() -> None:
    """Stands for a command in the help of the others."""


def main() -> None:
    """Run the command line; what is refused ends as one line and a remedy, never as a traceback."""
    with explain():
        build(sys.argv[1] if len(sys.argv) > 1 else None)()


if __name__ == "__main__":
    main()
