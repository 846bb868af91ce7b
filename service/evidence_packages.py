"""Evidence packages: everything that is kept of a case that has ended, in one file that proves itself.

A package is made once and stored; from then on it is handed out byte by byte as it was made. Who reads it is
told in the audit trail, outside of what is sealed.
"""

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, select

from activities import verifier
from activities.backup.manifest import place
from activities.backup.store import AlreadyStored, NotStored, ObjectStore
from activities.verifier import Record, canonical, manifest_of, pack, seal_of
from service.audit_trail import AuditEntry, AuditKind, AuditTrail, append
from service.case_attachments import load_attachment
from service.case_record import read_record
from service.database import Database, insert_new
from service.refusals import NotHere
from service.reports.sealed import Reports
from service.sealed_files import WHY, Condition, DataFolder, ToldFile, told_files
from service.signing import Signer
from service.stored_rows import read_rows
from service.tables import backups, cases
from service.temporal_gateway import Gateway
from service.texts import Language
from service.told_rows import rows_told
from service.trail_tables import evidence_packages
from workflows.domain.case import SYSTEM, Actor
from workflows.domain.digest import Json
from workflows.domain.errors import EvidenceDamaged, ReportDamaged, ReportNotMade
from workflows.domain.request import FINAL_STATES

_LEFT_OUT = "left-out.json"


class StoredReports(Protocol):
    """Reports of cases as they were stored; made by whoever makes reports."""

    async def stored(self, case: str) -> Mapping[str, bytes]:
        """The PDF by its language, `zh` and `en`; empty if there is none."""


class SealedReports(StoredReports):
    """The reports of the service, made now if nobody has read them yet."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def stored(self, case: str) -> Mapping[str, bytes]:
        """Raises ReportNotMade, ReportDamaged."""
        return {str(lang): (await self._reports.sealed(case, lang)).content for lang in Language}


@dataclass(frozen=True)
class Package:
    """A package as it is handed out."""

    case: str
    name: str
    sha256: str
    data: bytes
    lacks: str = ""
    """Why it has no report; then it is not the package that is kept."""


@dataclass(frozen=True)
class Kept:
    """What came of making packages: how many were made, and which not and why."""

    made: int
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sources:
    """Where the files of a package come from, besides the register."""

    gateway: Gateway
    store: ObjectStore
    folder: DataFolder
    signer: Signer | None
    reports: StoredReports


class EvidencePackages:
    """Makes the package of a case when it is first wanted, and keeps it."""

    def __init__(
        self,
        database: Database,
        sources: Sources,
        trail: AuditTrail,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._from, self._trail, self._now = database, sources, trail, now

    async def export(self, actor: Actor, case: str) -> Package:
        """The package, for somebody: that goes on record.

        Raises:
            UnknownRequest; NotHere: the case has not ended.
            EvidenceDamaged, ReportDamaged: what is stored is not what was put on record.
            WorkflowUnavailable, StorageUnavailable: it cannot be made now.
        """
        try:
            package = await self.keep(case)
        except ReportNotMade as fault:
            package = await self._without_report(case, fault)
        told: dict[str, Json] = {"sha256": package.sha256, "bytes": len(package.data)}
        if package.lacks:
            told["lacks"] = package.lacks
        await self._trail.tell(actor, AuditKind.EVIDENCE_EXPORTED, case, told)
        return package

    async def keep(self, case: str) -> Package:
        """The package; made and stored if there is none yet.

        Raises:
            ReportNotMade: the report that belongs into it cannot be set; nothing was stored.
            as `export`.
        """
        known = await self._database.read(partial(_find, case=case))
        if known is None:
            await self._make(case)
            known = await self._database.read(partial(_find, case=case))
            assert known is not None, "it has just been put on record"
        name, digest = known
        data = await asyncio.to_thread(self._load, case, name, digest)
        return Package(case, f"{case}.zip", digest, data)

    async def keep_missing(self, limit: int = 200) -> Kept:
        """Make packages of cases that have ended and have none. One that fails keeps no other waiting.

        Raises:
            WorkflowUnavailable, StorageUnavailable: none can be made now.
        """
        missing = await self._database.read(partial(_missing, limit=limit))
        failed = []
        for case in missing:
            try:
                await self._make(case)
            except (EvidenceDamaged, ReportDamaged, ReportNotMade) as error:
                failed.append(f"{case}: {error}")
        return Kept(len(missing) - len(failed), tuple(failed))

    async def _without_report(self, case: str, fault: ReportNotMade) -> Package:
        """All but the report, for whoever cannot wait. It is not stored: the package is yet to come."""
        data = await self._built(case, str(fault))
        return Package(case, f"{case}-without-report.zip", hashlib.sha256(data).hexdigest(), data, str(fault))

    def _load(self, case: str, name: str, digest: str) -> bytes:
        try:
            data = self._from.store.get(name)
        except NotStored:
            raise EvidenceDamaged(case, f"{case}.zip", "it is not in the object store") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise EvidenceDamaged(case, f"{case}.zip", "its SHA-256 is not the one on record")
        return data

    async def _make(self, case: str) -> None:
        data = await self._built(case)
        digest = hashlib.sha256(data).hexdigest()
        name = f"evidence/{case}/{digest}.zip"
        await asyncio.to_thread(self._put, name, data)
        row = {"case_id": case, "at": self._now(), "name": name, "bytes": len(data), "sha256": digest}
        await self._database.write(partial(_put_on_record, row=row))

    async def _built(self, case: str, lacks: str = "") -> bytes:
        """The package of a case as it is now; `lacks` says why it is to have no report."""
        record, rows, told = await self._database.read(partial(_read, case=case))
        if record.case["state"] not in FINAL_STATES:
            raise NotHere(case, "package")
        reports = {} if lacks else await self._from.reports.stored(case)
        beside = {f"report-{lang}.pdf": pdf for lang, pdf in reports.items()}
        history = await self._from.gateway.history(case)
        if history is not None:
            beside["temporal-history.json"] = history
        return await asyncio.to_thread(self._written, record, rows, told, beside, lacks)

    def _put(self, name: str, data: bytes) -> None:
        try:
            self._from.store.put_new(name, data)
        except AlreadyStored:
            return  # by its digest: it is the same

    def _written(
        self,
        record: Record,
        rows: list[dict[str, Any]],
        told: Iterable[ToldFile],
        beside: Mapping[str, bytes],
        lacks: str,
    ) -> bytes:
        files = {**_of_register(record, rows), **beside}
        files["verify.py"] = inspect.getsource(verifier).encode()
        files["READ-ME.txt"] = _INSTRUCTIONS.format(case=record.case["id"]).encode()
        left_out = {**self._sealed(told, files), **self._stored(record, rows, files)}
        if lacks:
            left_out["report-zh.pdf"] = left_out["report-en.pdf"] = lacks
        if "temporal-history.json" not in files:
            left_out["temporal-history.json"] = "the engine has forgotten it"
        files[_LEFT_OUT] = _json(left_out)
        manifest = manifest_of(files)
        signer = self._from.signer
        key, signature = (signer.public_key, signer.sign(manifest)) if signer else (None, None)
        return pack({**files, verifier.MANIFEST: manifest, verifier.SEAL: seal_of(manifest, key, signature)})

    def _sealed(self, told: Iterable[ToldFile], files: dict[str, bytes]) -> dict[str, str]:
        """Files that lie in the data folder; what is kept at a site is told."""
        left_out = {}
        for file in told:
            condition = self._from.folder.condition(file)
            if condition == Condition.ELSEWHERE:
                left_out[file.name] = "it lies with the worker at the site of the ledger"
                continue
            if condition != Condition.WHOLE:
                raise EvidenceDamaged(file.case, file.name, WHY[condition])
            files[file.name] = (self._from.folder.path / file.path).read_bytes()
        return left_out

    def _stored(
        self, record: Record, rows: Iterable[Mapping[str, Any]], files: dict[str, bytes]
    ) -> dict[str, str]:
        """Files that lie in the object store: attachments, and the manifests of backups."""
        case, left_out = record.case["id"], {}
        for row in record.attachments:
            data = load_attachment(self._from.store, case, row["sha256"], row["name"])
            files[verifier.attachment_file(row)] = data
        for backup in rows:
            name = f"backups/{backup['id']}.json"
            try:
                data = self._from.store.get(place(backup["ledger"], backup["id"]))
            except NotStored:
                left_out[name] = "the backup is not in this store"
                continue
            if hashlib.sha256(data).hexdigest() != backup["manifest_sha256"]:
                raise EvidenceDamaged(case, name, "its SHA-256 is not the one on record")
            files[name] = data
        return left_out


def _of_register(record: Record, rows: list[dict[str, Any]]) -> dict[str, bytes]:
    files = {"case.json": _json(record.case), "backups.jsonl": _lines(rows)}
    for name in ("events", "imprints", "decisions", "tasks", "attachments"):
        files[f"{name}.jsonl"] = _lines(getattr(record, name))
    return files | {f"parts/{name}.json": _json(value) for name, value in record.parts.items()}


def _json(value: Any) -> bytes:  # Any: JSON
    return canonical(value).encode()


def _lines(rows: Iterable[Any]) -> bytes:  # Any: JSON
    return b"".join(_json(row) + b"\n" for row in rows)


# --------------------------------------------------------------------------- in the register


def _find(connection: Connection, case: str) -> tuple[str, str] | None:
    wanted = select(evidence_packages.c.name, evidence_packages.c.sha256)
    row = connection.execute(wanted.where(evidence_packages.c.case_id == case)).one_or_none()
    return None if row is None else (row.name, row.sha256)


def _read(connection: Connection, case: str) -> tuple[Record, list[dict[str, Any]], tuple[ToldFile, ...]]:
    rows = list(read_rows(connection, backups, backups.c.case_id == case))
    return read_record(connection, case), rows, told_files(connection, case)


def _missing(connection: Connection, limit: int) -> list[str]:
    there = evidence_packages.c.case_id
    wanted = select(cases.c.id).join(evidence_packages, there == cases.c.id, isouter=True)
    wanted = wanted.where(cases.c.state.in_(FINAL_STATES), there.is_(None))
    return list(connection.scalars(wanted.order_by(cases.c.created_at, cases.c.id).limit(limit)))


def _put_on_record(connection: Connection, row: Mapping[str, Any]) -> None:
    """Whoever is first decides which bytes the package of a case has, for ever."""
    if connection.execute(insert_new(connection, evidence_packages), row).rowcount:
        mine = evidence_packages.c.case_id == row["case_id"]
        rows = rows_told(connection, evidence_packages, mine)
        told = {"sha256": row["sha256"], "bytes": row["bytes"], **rows}
        entry = AuditEntry(row["at"], SYSTEM.person, None, AuditKind.PACKAGE_MADE, row["case_id"], told)
        append(connection, entry)


_INSTRUCTIONS = """\
Evidence of case {case} / 案件 {case} 证据包

How to verify it / 如何验证
  1. Take verify.py out of this package, or better: from a place you trust.
     从本证据包（最好从可信来源）取出 verify.py。
  2. python3 -I verify.py {case}.zip [--key PUBLIC_KEY]
     In the folder it was unpacked to: python3 -I verify.py / 在解压后的文件夹中：python3 -I verify.py
     It needs Python 3.8 or later, nothing else, and no network. / 只需 Python 3.8 或更高版本，无需联网。
  3. It prints "whole", or one line for each place that is not what was sealed. Compare the public key and the
     SHA-256 it prints with those published by the company and with the register.
     输出“完整”，或逐行列出与封存不符之处。请将其显示的公钥与 SHA-256 同公司公布的公钥及登记簿核对。

What is in it / 内容
  case.json                the case as it ended / 案件结束时的状态
  events.jsonl             all that happened; each line names the digest of the one before / 全部事件（链式）
  imprints.jsonl           digests of what was told beside events / 与事件一同存证内容的摘要
  decisions.jsonl          consents and refusals, as they follow from the events / 审批意见
  tasks.jsonl              what people were asked to do / 任务
  parts/                   plan, findings, chain, proofs, difference / 计划、检查项、审批链、余额证明、差异
  attachments.jsonl, attachments/   files people have added / 附件
  backups.jsonl, backups/  backups and their manifests / 备份及其清单
  report-zh.pdf, report-en.pdf      the report, where one was stored / 报告
  temporal-history.json    what the workflow engine remembers / 工作流引擎历史
  evidence.json, difference.jsonl   what was sealed at archiving / 归档时封存的内容
  left-out.json            what was not there when the package was made, and why / 制作时缺少的内容及原因
  manifest.json, seal.json size and SHA-256 of every file; the signature over them / 文件清单与签名
"""
