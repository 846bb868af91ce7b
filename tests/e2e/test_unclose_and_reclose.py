"""The main job over HTTP, seen from outside: one case that completes, and one refusal."""

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import Connection

from activities.backup.store import open_store
from activities.demo_erp.desk import Desk
from activities.erp.demo import DemoConnector, DemoOptions
from activities.proof import prove_ledger
from service.case_record import check_case
from service.database import open_database
from service.verification import Verification
from tests.e2e.forgetting import forget_workflow
from tests.e2e.people import API, EXAMPLE, People
from tests.e2e.tree import Tree, eventually
from tests.trail_world import disarm, flipped
from workflows.domain.proof import Proof, differing

DOCUMENT = "IN-2025-03-0007"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
TOUCHED = {
    f"{module} {period}"
    for module in ("cost", "gl", "inventory")
    for period in ("2025-03", "2025-04", "2025-05")
}


class Auditor:
    """Looks into the ledger itself, not into what Unclose says about it."""

    def __init__(self, place: Path) -> None:
        self.connector = DemoConnector(DemoOptions(str(place), read_only=True))
        self.desk = Desk(self.connector.ledger)

    async def proof(self) -> Proof:
        return await prove_ledger(self.connector)

    async def broken(self) -> tuple[str, ...]:
        found = await self.connector.invariants()
        assert found.stock_value == found.stock_account
        assert found.trial_balance == 0
        return found.broken_openings


@pytest.fixture
def auditor(tree: Tree) -> Auditor:
    return Auditor(tree.data_dir / "demo.sqlite")


async def test_a_period_is_opened_corrected_and_closed_again(
    tree: Tree, people: People, auditor: Auditor, tmp_path: Path
) -> None:
    pointers, proof = people.pointers(), await auditor.proof()
    quantity = auditor.desk.read(DOCUMENT).line(1).qty
    assert people.run("watch.demo")["outcome"] == "done"

    case = people.request()
    people.approve_all(case)
    people.wait_for(case, "authorising")
    rehearsal = people.get("clerk", f"{API}/requests/{case}/plan")["rehearsal"]
    assert (rehearsal["skipped"], rehearsal["steps"], len(rehearsal["movements"])) == (None, 18, 18)
    assert rehearsal["closed_root"] == proof.root
    assert people.pointers() == pointers, "the rehearsal has touched nothing"
    people.authorise(case)
    people.wait_for(case, "correcting")
    assert people.pointers()["inventory"] == "2025-03"
    people.attach("clerk", case, "盘点表.png", PICTURE)
    people.correct(DOCUMENT, 20)
    people.finish(case)
    people.wait_for(case, "completed")

    assert people.pointers() == pointers
    corrected = auditor.desk.read(DOCUMENT)
    assert (str(corrected.period), corrected.line(1).qty) == ("2025-03", quantity + 20)
    assert await auditor.broken() == ()
    moved = differing(proof, await auditor.proof())
    assert "inventory 2025-03" in moved
    assert set(moved) <= TOUCHED
    assert people.case(case)["clock_a_seconds"] > 0
    assert people.case(case)["clock_b_seconds"] > 0
    difference = people.get("auditor", f"{API}/requests/{case}/difference")
    told = {item["document"]: item for item in difference["documents"]["items"]}
    (qty,) = (field for field in told[DOCUMENT]["fields"] if field["name"] == "qty")
    assert Decimal(qty["after"]) - Decimal(qty["before"]) == 20
    assert {"warehouse", "item"} in [set(row["key"]) for row in difference["balances"]["items"]]
    evidence = people.evidence(case)
    assert evidence["parts"]["difference"]["documents"][0]["document"] in told
    assert {change["document"] for change in evidence["parts"]["changes"]} == {DOCUMENT}
    assert evidence["parts"]["undeclared"] == []
    watched = people.run("watch.demo")["facts"]
    assert (watched["alarms"], set(watched["opened_by_cases"])) == ([], TOUCHED)
    the_package_proves_itself(people, case, tmp_path)
    assert people.run("checkpoint")["outcome"] == "done"
    await whatever_is_changed_is_found(tree, case, tmp_path)
    await it_outlives_the_workflow(tree, people, case)


def the_package_proves_itself(people: People, case: str, folder: Path) -> None:
    """With nothing but the package and Python; one byte of the attached picture changed is found."""
    package = folder / f"{case}.zip"
    package.write_bytes(people.file("auditor", f"{API}/requests/{case}/evidence.zip"))
    with ZipFile(package) as opened:
        names = opened.namelist()
        (folder / "verify.py").write_bytes(opened.read("verify.py"))
    assert {"report-zh.pdf", "report-en.pdf", "events.jsonl"} <= set(names), names
    assert any("temporal" in name for name in names), names
    verify = [sys.executable, "-I", "-S", str(folder / "verify.py")]
    sound = subprocess.run([*verify, str(package)], capture_output=True, text=True, check=False)
    assert sound.returncode == 0, sound.stdout + sound.stderr

    changed = folder / "changed.zip"
    changed.write_bytes(package.read_bytes().replace(PICTURE, PICTURE[:-1] + b"?"))
    broken = subprocess.run([*verify, str(changed)], capture_output=True, text=True, check=False)
    assert broken.returncode != 0
    assert "attachments/" in broken.stdout + broken.stderr


async def whatever_is_changed_is_found(tree: Tree, case: str, folder: Path) -> None:
    """In a copy of the register, guards taken away: one flipped byte in any of forty random rows."""
    there, copied = (sqlite3.connect(place / "register.sqlite") for place in (tree.data_dir, folder))
    with closing(there), closing(copied):
        there.backup(copied)
    database = open_database(f"sqlite+aiosqlite:///{folder / 'register.sqlite'}")
    try:
        store = open_store((tree.data_dir / "store").as_uri())
        assert await Verification(database, store).case(case) == ()
        assert await Verification(database, store).trail() == ()
        await database.write(disarm)
        assert await database.write(partial(_unseen, case=case)) == []
    finally:
        await database.aclose()


def _unseen(connection: Connection, case: str) -> list[str]:
    chance, unseen = random.Random(20), []
    for n in range(40):
        table = REAL_ROWS[n % len(REAL_ROWS)]
        column = "id" if table == "cases" else "task_id" if table == "task_holders" else "case_id"
        wanted = f"SELECT rowid AS r, * FROM {table} WHERE {column} LIKE '{case}%'"
        row = chance.choice(connection.exec_driver_sql(wanted).mappings().all())
        name = chance.choice([name for name in row if name not in ("r", column)])
        while (value := flipped(row[name], chance)) == row[name]:
            pass
        with connection.begin_nested() as savepoint:
            changed = f'UPDATE OR REPLACE {table} SET "{name}" = ? WHERE rowid = ?'
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            connection.exec_driver_sql(changed, (value, row["r"]))
            if not check_case(connection, case):
                unseen.append(f"{table}.{name}: {row[name]!r} → {value!r}")
            savepoint.rollback()
    return unseen


REAL_ROWS = (
    "cases",
    "case_events",
    "case_imprints",
    "case_parts",
    "decisions",
    "tasks",
    "task_holders",
    "attachments",
    "backups",
    "case_reports",
    "evidence_packages",
)


async def it_outlives_the_workflow(tree: Tree, people: People, case: str) -> None:
    """Once Temporal's retention is over, the case is still found, and its report and evidence read."""

    def found(q: str) -> list[str]:
        return [item["id"] for item in people.get("auditor", f"{API}/archive", q=q)["items"]]

    eventually(lambda: case in found("盘点遗漏"), "the archive has the case")
    await forget_workflow(tree, case)
    for said in (f"{DOCUMENT} 反記帳", "stock count un-close"):
        assert case in found(said)
    assert people.case(case)["state"] == "completed"
    assert people.file("auditor", f"{API}/requests/{case}/report.pdf").startswith(b"%PDF")
    assert people.evidence(case)["request"]["id"] == case


async def test_a_locked_period_is_refused_and_nothing_changes(people: People, auditor: Auditor) -> None:
    before = await auditor.proof()
    cases = people.get("clerk", f"{API}/requests")["items"]
    refused = people.post("clerk", f"{API}/requests", EXAMPLE | {"target_period": "2024-05"})
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert problem["type"] == "/problems/period-locked"
    assert problem["period"] == "2024-06"
    assert problem["remedy"]
    assert people.get("clerk", f"{API}/requests")["items"] == cases
    assert (await auditor.proof()).root == before.root
