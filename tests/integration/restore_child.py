"""A worker that is killed at a certain moment of restoring; a process, started by `test_restore.py`."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.backup import manifest as manifests
from activities.backup.keeper import BackupKeeper
from activities.backup.keys import Keys
from activities.backup.restoring import RestoreActivities
from activities.engines.postgresql import PostgreSQLCopies
from activities.engines.sqlite import SQLiteCopies
from activities.erp import connect, demo_copies
from activities.erp.demo import DemoOptions
from tests.backup_stage import ID, OneLedger
from tests.fake_world import FakeCatalogue
from tests.postgres import TOOLS
from tests.vaults import a_vault
from workflows.backup_steps import RestoreOrder
from workflows.domain.backups import BackupState


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def then_die(work: Callable[..., Any]) -> Callable[..., Any]:  # Any: whatever it is
    @wraps(work)
    def both(*args: Any, **kwargs: Any) -> None:
        work(*args, **kwargs)
        die()

    return both


ENGINES = (SQLiteCopies, PostgreSQLCopies)
PLACES: dict[str, tuple[tuple[object, ...], str, bool]] = {
    "receive": (ENGINES, "check", False),
    "compare": ((BackupKeeper,), "compare", False),
    "carry_over": ((demo_copies,), "_carry_over", True),
    "asked": ((demo_copies,), "_require_mine", True),
    "put_in_place": (ENGINES, "put_in_place", False),
    "swapped": (ENGINES, "put_in_place", True),
    "record": ((FakeCatalogue,), "record", False),
}
"""Where to die: of which classes or modules, in which function, and whether when it has done its work."""


def arm(moment: str) -> None:
    """The one place where our own modules are changed: this process exists to die inside them."""
    owners, name, afterwards = PLACES[moment]
    for owner in owners:
        setattr(owner, name, then_die(getattr(owner, name)) if afterwards else die)


async def main(moment: str, folder: Path, place: str) -> None:
    identity = folder / "identity.txt"
    public = identity.read_text().splitlines()[0].removeprefix("# public key: ")
    vault = a_vault(folder / "store", Keys((public,), identity))
    catalogue = FakeCatalogue()
    ledgers = OneLedger(connect(DemoOptions(place), TOOLS))
    keeper = BackupKeeper(ledgers, vault, catalogue, folder / "scratch")
    manifest = manifests.read(vault.store, "demo", ID)
    entry = keeper.entry(manifest)
    await catalogue.keep(entry.proven(1, entry.taken_at))
    assert (await catalogue.find(ID)).state == BackupState.PROVEN
    arm(moment)
    order = RestoreOrder(case="UC-2025-000001", ledger="demo", backup=ID, fence=5)
    await ActivityEnvironment().run(RestoreActivities(keeper).restore_in_place, order)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
