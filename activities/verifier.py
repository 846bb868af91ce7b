#!/usr/bin/env python3
"""Checks a case, or an evidence package of one: which of its bytes are not what was put on record.

This one file is copied into every evidence package as `verify.py`. It needs Python 3.8 or later and nothing
but the standard library, asks no network, and imports nothing of Unclose:

    python3 -I verify.py [PLACE] [--key PUBLIC_KEY]

PLACE is a package, or the folder it was unpacked to; the folder that verify.py lies in if it is not given.
PUBLIC_KEY, 64 hexadecimal digits, must have signed it. Ends with 0 if every byte is what was sealed, with 1
if not, and with 2 if nothing could be checked.
"""

# ruff: noqa: UP006, UP035, UP045, B905  # it must run where Python is older than Unclose's own
from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import re
import sys
import zipfile
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

PACKAGE_FORMAT = "unclose-package-1"
SEAL_FORMAT = "unclose-seal-1"
MANIFEST, SEAL = "manifest.json", "seal.json"

Row = Mapping[str, Any]  # Any: JSON
UNREADABLE = "\ufffd unreadable"
"""Stands where a stored value cannot be read any more."""


class Fault(NamedTuple):
    """Something that is not what was put on record, and where."""

    case: str
    place: str
    """Like `events/12`, `decisions/7/comment`, `parts/plan` or the name of a file."""
    code: str

    def says(self, language: str = "en") -> str:
        return WORDS[self.code][0 if language == "en" else 1]

    def line(self) -> str:
        return f"{self.case or '-'} {self.place}: {self.says('en')} / {self.says('zh')}"


WORDS: Dict[str, Tuple[str, str]] = {
    "altered": ("is not what was put on record", "与存证记录不符"),
    "missing": ("was put on record and is not there", "存证记录中有，但现已缺失"),
    "unexpected": ("is there and was never put on record", "现有，但从未存证"),
    "broken_link": ("does not name the one before it", "与前一条记录的链接不符"),
    "unreadable": ("cannot be read", "无法读取"),
    "not_projected": ("does not follow from the events", "与事件记录推导结果不符"),
    "container": ("the container of the package was changed here", "证据包容器在此处被改动"),
    "bad_signature": ("its signature does not fit", "签名不符"),
    "other_key": ("is signed with another key than the one given", "签名所用密钥与给定密钥不同"),
    "not_signed": ("is not signed, and ought to be", "未签名，而按要求应已签名"),
    "not_as_registered": ("is no package that the register knows", "不是登记簿所记载的证据包"),
    "not_as_printed": ("is not the checkpoint whose SHA-256 was given", "与给定 SHA-256 的检查点不符"),
    "rewritten": ("is not what a signed checkpoint says of it", "与已签名的检查点不符"),
    "not_as_packaged": ("is not where the sealed package of the case ends", "与已封存证据包不符"),
    "bad_stamp": ("its time stamp does not fit", "时间戳不符"),
}


# --------------------------------------------------------------------------- digests


def canonical(value: Any) -> str:
    """Equal values give equal text: sorted keys, no spaces, no escapes."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest_of(value: Any) -> str:
    """Hexadecimal SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def imprint_digest(case: str, imprint: Row) -> str:
    """The digest of what was told beside an event, and of the chain up to there."""
    named = ("seq", "head", "told", "digest_of_previous")
    return digest_of({"case": case, **{name: imprint[name] for name in named}})


# --------------------------------------------------------------------------- the chain of a case


class Record(NamedTuple):
    """All that is kept of one case, as plain JSON. Rows of lists are in order."""

    case: Row
    events: List[Row]
    imprints: List[Row]
    decisions: List[Row]
    tasks: List[Row]
    attachments: List[Row]
    parts: Mapping[str, Any]


def check(record: Record) -> List[Fault]:
    """Everything in a case that is not what its chains say, each named once."""
    case = str(record.case["id"])
    imprints = list(_imprints(case, record))
    sound = _sound_imprints(case, record, imprints)
    found = [*imprints, *_events(case, record, sound)]
    if record.imprints and not imprints:
        # Nothing can be held against imprints that were changed themselves.
        found += _told(case, "parts", dict(record.parts), sound)
        found += _told(case, "tasks", {row["id"]: row for row in record.tasks}, sound)
    found += _case_row(case, record, [] if imprints else sound, {fault.place for fault in found})
    if not any(fault.place.startswith("events") for fault in found):
        # Out of changed events nothing can be derived that could be held against anything.
        found += _projected(case, "decisions", "seq", record.decisions, project_decisions(record.events))
        found += _projected(case, "attachments", "id", record.attachments, project_attachments(record.events))
    return found


def _imprints(case: str, record: Record) -> Iterator[Fault]:
    before, last = {digest_of(case)}, None
    for imprint in record.imprints:
        place, last = f"imprints/{imprint['seq']}", imprint
        digest = imprint_digest(case, imprint)
        if digest != imprint["digest"]:
            yield Fault(case, place, "altered")
        elif imprint["digest_of_previous"] not in before:
            yield Fault(case, place, "broken_link")
        # Where one was changed, the next is not to blame whichever of the two digests it names.
        before = {digest, imprint["digest"]}
    if last is not None and record.events and last["seq"] < record.events[-1]["seq"]:
        yield Fault(case, f"imprints/{record.events[-1]['seq']}", "missing")


def _sound_imprints(case: str, record: Record, faults: Iterable[Fault]) -> List[Row]:
    bad = {fault.place for fault in faults if fault.code == "altered"}
    return [imprint for imprint in record.imprints if f"imprints/{imprint['seq']}" not in bad]


def _events(case: str, record: Record, sound: List[Row]) -> Iterator[Fault]:
    last = _last_seq(record, sound)
    there = {event["seq"]: event for event in record.events}
    for seq in range(1, last + 1):
        if seq not in there:
            yield Fault(case, f"events/{seq}", "missing")
    for seq in sorted(_altered_events(case, record, sound) & set(there)):
        yield Fault(case, f"events/{seq}", "altered")


def _last_seq(record: Record, sound: List[Row]) -> int:
    seqs: List[int] = [row["seq"] for row in (*record.events, *sound)]
    return max([0, *seqs])


def _altered_events(case: str, record: Record, sound: List[Row]) -> Set[int]:
    """Which events were changed: those that neither an imprint nor the event after them knows as they are."""
    events = {event["seq"]: event for event in record.events}
    digests = {0: digest_of(case), **{seq: digest_of(event) for seq, event in events.items()}}
    named = {seq - 1: event["digest_of_previous"] for seq, event in events.items()}
    named[_last_seq(record, sound)] = record.case["head_digest"]
    heads = {imprint["seq"]: imprint["head"] for imprint in sound}
    broken = [seq for seq in sorted(named) if seq in digests and named[seq] != digests[seq]]
    altered = {seq for seq in events if seq in heads and heads[seq] != digests[seq]}
    for seq in broken:
        if seq not in altered and seq + 1 not in altered:
            # Either this one was changed, or the name that the next one has for it: then the next one, too,
            # is not what is known of it.
            is_next = seq == 0 or seq in heads or seq + 1 in broken
            altered.add(seq + 1 if is_next else seq)
    return altered


def _case_row(case: str, record: Record, sound: List[Row], known: Set[str]) -> Iterator[Fault]:
    row = record.case
    expected: Dict[str, Any] = {
        "last_seq": _last_seq(record, sound),
        "head_digest": _head(case, record, sound),
    }
    told: Dict[str, Any] = {}
    for imprint in sound:
        told.update({k: v for k, v in imprint["told"].items() if k in ("state", "waiting_for", "request")})
    digest = told.pop("request", None)
    if digest is not None and digest_of(row["request"]) != digest:
        yield Fault(case, "case/request", "altered")
    for name in _not_as_asked(row, digest):
        yield Fault(case, f"case/{name}", "altered")
    expected["updated_at"] = record.events[-1]["at"] if record.events else row["created_at"]
    expected.update(told)
    expected.update(_repeated_parts(record.parts, known))
    for name, value in expected.items():
        if name in row and row[name] != value:
            yield Fault(case, f"case/{name}", "altered")


_REPEATED = {name: name for name in ("id", "ledger", "target_period", "applicant")}
_REPEATED["created_at"] = "accepted_at"
"""Columns of a case that repeat its request, and what they are called there."""


def _not_as_asked(row: Row, digest: Optional[str]) -> List[str]:
    """Columns that differ from the request, as far as it is not the request that was changed there.

    `digest` is that of the request as it was told: what restores it is sound.
    """
    request = row["request"]
    if not isinstance(request, Mapping):
        return []
    differ = [name for name, said in _REPEATED.items() if said in request and row[name] != request[said]]
    for size in range(len(differ), 0, -1):
        for sound in itertools.combinations(differ, size):
            restored = {**request, **{_REPEATED[name]: row[name] for name in sound}}
            if digest_of(restored) == digest:
                return [name for name in differ if name not in sound]
    return differ


def _head(case: str, record: Record, sound: List[Row]) -> Any:
    """The end of the chain as it must be; as it stands if that cannot be told from here."""
    last = _last_seq(record, sound)
    if last == 0:
        return digest_of(case)
    return next((row["head"] for row in sound if row["seq"] == last), record.case["head_digest"])


def _repeated_parts(parts: Mapping[str, Any], known: Set[str]) -> Iterator[Tuple[str, Any]]:
    """Columns of a case that repeat one of its parts, as far as the part is sound and says something."""
    for name in ("digest", "risk"):
        if f"parts/{name}" not in known and (name not in parts or parts[name] is not None):
            yield name, parts.get(name)
    clocks = parts.get("clocks")
    if "parts/clocks" not in known and isinstance(clocks, Mapping):
        yield "clock_a_ms", clocks.get("a_ms")
        yield "clock_b_ms", clocks.get("b_ms")


def _told(case: str, kind: str, there: Mapping[str, Any], sound: List[Row]) -> Iterator[Fault]:
    expected: Dict[str, str] = {}
    for imprint in sound:
        expected.update(imprint["told"].get(kind, {}))
    for name in sorted(set(expected) | set(there)):
        place = f"{kind}/{name}"
        if name not in there:
            yield Fault(case, place, "missing")
        elif name not in expected:
            yield Fault(case, place, "unexpected")
        elif digest_of(there[name]) != expected[name]:
            yield Fault(case, place, "altered")


# --------------------------------------------------------------------------- what follows from events


def project_decisions(events: Iterable[Row]) -> List[Dict[str, Any]]:
    """The decisions of a case, each void or not, as its events tell them."""
    found: List[Dict[str, Any]] = []
    for event in events:
        if event["kind"] in ("decided", "confirmed"):
            found.append(_decision(event))
        else:
            for row in found:
                row["void"] = row["void"] or _makes_void(event, row)
    return found


def _makes_void(event: Row, row: Row) -> bool:
    data = event["data"]
    if event["kind"] == "decisions_void":
        levels = data.get("levels")
        return not isinstance(levels, list) or row["level"] in levels
    if event["kind"] == "confirmation_lapsed":
        return bool(row["kind"] == "authorisation" and row["person"] in data["persons"])
    return bool(event["kind"] == "resumed" and row["seq"] >= data["told_otherwise_from"])


def _decision(event: Row) -> Dict[str, Any]:
    said, is_approval = event["data"], event["kind"] == "decided"
    return {
        "seq": event["seq"],
        "kind": "approval" if is_approval else "authorisation",
        "task": said["task"],
        "level": said.get("level"),
        "name": said.get("name"),
        "person": event["actor"],
        "on_behalf_of": event["on_behalf_of"],
        "group": said["group"],
        "answer": said["answer"] if is_approval else "authorise",
        "digest": said["digest"],
        "comment": said.get("comment") or "",
        "at": event["at"],
        "void": False,
    }


ATTACHED = ("id", "name", "media_type", "bytes", "sha256", "note")


def project_attachments(events: Iterable[Row]) -> List[Dict[str, Any]]:
    """The attachments of a case as its events tell them; told twice, the first telling counts."""
    found: Dict[str, Dict[str, Any]] = {}
    for event in events:
        if event["kind"] == "attached":
            row = {name: event["data"][name] for name in ATTACHED}
            row.update(
                seq=event["seq"], person=event["actor"], on_behalf_of=event["on_behalf_of"], at=event["at"]
            )
            found.setdefault(row["id"], row)
    return list(found.values())


def _projected(
    case: str, kind: str, key: str, there: Iterable[Row], expected: Iterable[Row]
) -> Iterator[Fault]:
    have, want = ({row[key]: row for row in rows} for rows in (there, expected))
    for name in sorted(set(have) | set(want), key=str):
        place = f"{kind}/{name}"
        if name not in have:
            yield Fault(case, place, "missing")
        elif name not in want:
            yield Fault(case, place, "unexpected")
        else:
            for field in want[name]:
                if have[name].get(field) != want[name][field]:
                    yield Fault(case, f"{place}/{field}", "not_projected")


# --------------------------------------------------------------------------- packages


def pack(files: Mapping[str, bytes]) -> bytes:
    """One file of these, in the order of names: the same files give the same bytes, on every machine."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as package:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            package.writestr(info, files[name])
    return out.getvalue()


def seal_of(manifest: bytes, public_key: Optional[str], signature: Optional[str]) -> bytes:
    """The file that vouches for the manifest, which vouches for all others."""
    digest = hashlib.sha256(manifest).hexdigest()
    said = {"format": SEAL_FORMAT, "manifest_sha256": digest, "public_key": public_key}
    return canonical({**said, "signature": signature}).encode()


def check_package(data: bytes, key: Optional[str] = None) -> List[Fault]:
    """Every fault of a package; none if it is byte by byte what was sealed.

    `key` is the public key, as hexadecimal, that must have signed it; any key will do if it is not given.
    """
    try:
        files, found = _unpacked(data)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError):
        return [Fault("", "package", "unreadable")]
    found = found + check_files(files, key)
    if not found:
        whole = pack(files)
        if whole != data:
            found.append(Fault("", _first_difference(data, whole), "container"))
    return found


def _unpacked(data: bytes) -> Tuple[Dict[str, bytes], List[Fault]]:
    files: Dict[str, bytes] = {}
    found: List[Fault] = []
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        for info in package.infolist():
            try:
                files[info.filename] = package.read(info)
            except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError, EOFError):
                found.append(Fault("", info.filename, "altered"))
    return files, found


def _first_difference(data: bytes, whole: bytes) -> str:
    offset = next((n for n, (a, b) in enumerate(zip(data, whole)) if a != b), min(len(data), len(whole)))
    with zipfile.ZipFile(io.BytesIO(whole)) as package:
        starts = [(info.header_offset, info.filename) for info in package.infolist()]
        name = next((n for at, n in reversed(starts) if at <= offset < package.start_dir), "directory")
    return f"{name} (byte {offset})"


def check_files(files: Mapping[str, bytes], key: Optional[str] = None) -> List[Fault]:
    """Every fault among the files of a package."""
    found = list(_seal(files, key))
    if found:
        return found
    manifest = json.loads(files[MANIFEST])
    case = manifest["case"]
    found += _manifest(files, manifest)
    bad = {fault.place for fault in found}
    if not bad:
        found += check(_record_in(files))
        found += _beside(case, files, manifest)
    return found


def _seal(files: Mapping[str, bytes], key: Optional[str]) -> Iterator[Fault]:
    for name in (MANIFEST, SEAL):
        if name not in files:
            yield Fault("", name, "missing")
            return
    try:
        seal = json.loads(files[SEAL])
        public_key, signature = seal["public_key"], seal["signature"]
        whole = seal_of(files[MANIFEST], public_key, signature)
    except (ValueError, KeyError, TypeError):
        yield Fault("", SEAL, "unreadable")
        return
    if whole != files[SEAL]:
        same_but_manifest = canonical({**seal, "manifest_sha256": ""}) == canonical(
            {**json.loads(whole), "manifest_sha256": ""}
        )
        fits = same_but_manifest and _is_hex(seal.get("manifest_sha256"), 64)
        yield Fault("", _whose(files, seal) if fits else SEAL, "altered")
    elif public_key is None and signature is not None:
        yield Fault("", SEAL, "altered")
    elif public_key is not None and not (_is_hex(public_key, 64) and _is_hex(signature, 128)):
        # A capital digit would mean the same, and is another byte.
        yield Fault("", SEAL, "altered")
    elif public_key is not None and not verify_signature(public_key, files[MANIFEST], signature):
        yield Fault("", SEAL, "bad_signature")
    elif key is not None and public_key is None:
        yield Fault("", SEAL, "not_signed")
    elif key is not None and public_key != key.lower():
        yield Fault("", SEAL, "other_key")


def _whose(files: Mapping[str, bytes], seal: Row) -> str:
    """Which of the two was changed when the digest of the manifest is not the one in the seal."""
    if seal["public_key"] is not None:
        fits = verify_signature(seal["public_key"], files[MANIFEST], seal["signature"])
        return SEAL if fits else MANIFEST
    try:
        listed = {part["name"]: part for part in json.loads(files[MANIFEST])["files"]}
        is_whole = canonical(json.loads(files[MANIFEST])).encode() == files[MANIFEST]
    except (ValueError, KeyError, TypeError):
        return MANIFEST
    there = {name: _line(name, data) for name, data in files.items() if name not in (MANIFEST, SEAL)}
    return SEAL if is_whole and listed == there and _fits_events(files) else MANIFEST


def _fits_events(files: Mapping[str, bytes]) -> bool:
    manifest = json.loads(files[MANIFEST])
    return bool(manifest == {**manifest, **summary(_record_in(files))})


def _is_hex(value: Any, length: int) -> bool:
    return isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{length}}}", value) is not None


def _line(name: str, data: bytes) -> Dict[str, Any]:
    return {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """The manifest of these files, which hold a record."""
    lines = [_line(name, files[name]) for name in sorted(files)]
    return canonical({**summary(_record_in(files)), "files": lines}).encode()


def summary(record: Record) -> Dict[str, Any]:
    """What a manifest says of the case, besides its files."""
    imprints = record.imprints
    return {
        "format": PACKAGE_FORMAT,
        "case": record.case["id"],
        "ledger": record.case["ledger"],
        "state": record.case["state"],
        "events": len(record.events),
        "head": record.case["head_digest"],
        "imprint": imprints[-1]["digest"] if imprints else None,
    }


def _manifest(files: Mapping[str, bytes], manifest: Row) -> Iterator[Fault]:
    case, listed = manifest["case"], {part["name"]: part for part in manifest["files"]}
    there = {name: data for name, data in files.items() if name not in (MANIFEST, SEAL)}
    for name in sorted(set(listed) | set(there)):
        if name not in there:
            yield Fault(case, name, "missing")
        elif name not in listed:
            yield Fault(case, name, "unexpected")
        elif _line(name, there[name]) != listed[name]:
            yield Fault(case, name, "altered")


def _record_in(files: Mapping[str, bytes]) -> Record:
    def lines(name: str) -> List[Row]:
        return _json_lines(files[name])

    parts = {
        name[len("parts/") : -len(".json")]: json.loads(files[name])
        for name in files
        if name.startswith("parts/")
    }
    return Record(
        json.loads(files["case.json"]),
        lines("events.jsonl"),
        lines("imprints.jsonl"),
        lines("decisions.jsonl"),
        lines("tasks.jsonl"),
        lines("attachments.jsonl"),
        parts,
    )


def _json_lines(data: bytes) -> List[Row]:
    # Not splitlines(): texts may hold signs that some take for the end of a line.
    return [json.loads(line) for line in data.decode().split("\n") if line]


def _beside(case: str, files: Mapping[str, bytes], manifest: Row) -> Iterator[Fault]:
    """Files whose digests events and rows tell: the sealed evidence, attachments, manifests of backups."""
    told: Dict[str, str] = {}
    record = _record_in(files)
    for event in record.events:
        if event["kind"] == "sealed":
            told["evidence.json"] = event["data"]["sha256"]
    for row in record.attachments:
        told[attachment_file(row)] = row["sha256"]
    artefact = (record.parts.get("difference") or {}).get("artefact")
    if artefact:
        told["difference.jsonl"] = artefact["sha256"]
    for backup in _json_lines(files.get("backups.jsonl", b"")):
        told[f"backups/{backup['id']}.json"] = backup["manifest_sha256"]
    for name, digest in sorted(told.items()):
        if name in files and hashlib.sha256(files[name]).hexdigest() != digest:
            yield Fault(case, name, "altered")
    if manifest != {**manifest, **summary(record)}:
        yield Fault(case, MANIFEST, "altered")


def attachment_file(row: Row) -> str:
    """The name of an attachment inside a package: plain letters, whatever it is called."""
    ending = os.path.splitext(row["name"])[1].lower()
    ending = ending if re.fullmatch(r"\.[a-z0-9]{1,8}", ending) else ""
    return f"attachments/{row['id']}{ending}"


# --------------------------------------------------------------------------- Ed25519 (RFC 8032)

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_I = pow(2, (_P - 1) // 4, _P)

_Point = Tuple[int, int, int, int]


def verify_signature(public_key: str, message: bytes, signature: Any) -> bool:
    """Whether the signature, in hexadecimal, was made over the message with this key."""
    try:
        key, sign = bytes.fromhex(public_key), bytes.fromhex(signature)
    except (ValueError, TypeError):
        return False
    a, r = _decoded(key), _decoded(sign[:32])
    s = int.from_bytes(sign[32:], "little")
    if len(key) != 32 or len(sign) != 64 or a is None or r is None or s >= _L:
        return False
    h = int.from_bytes(hashlib.sha512(sign[:32] + key + message).digest(), "little") % _L
    left, right = _times(s, _BASE), _add(r, _times(h, a))
    return _same(left, right)


def _decoded(data: bytes) -> Optional[_Point]:
    if len(data) != 32:
        return None
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    x = _x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % _P)


def _x_of(y: int, sign: int) -> Optional[int]:
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _I % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    return _P - x if x & 1 != sign else x


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(n: int, p: _Point) -> _Point:
    total: _Point = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = _add(total, p)
        p, n = _add(p, p), n >> 1
    return total


def _same(p: _Point, q: _Point) -> bool:
    return not ((p[0] * q[2] - q[0] * p[2]) % _P or (p[1] * q[2] - q[1] * p[2]) % _P)


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE_X = _x_of(_BASE_Y, 0)
assert _BASE_X is not None
_BASE: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


# --------------------------------------------------------------------------- the command


class Examined(NamedTuple):
    """What came of looking at a package."""

    faults: List[Fault]
    sha256: str
    """Of the package; of the one that it was before, if it was unpacked."""
    case: Optional[str]
    public_key: Optional[str]
    """Who has signed it, by its own word; none: nobody."""

    def signed(self, key: Optional[str] = None) -> str:
        """One line on who has signed it; `key` is that of whoever was to sign it."""
        if self.public_key is None:
            return "not signed: compare the SHA-256 with the register / 未签名：请与登记簿中的 SHA-256 核对"
        if key is not None and key.lower() == self.public_key:
            return f"signed with {self.public_key}, as it must be / 签名公钥与给定公钥一致"
        return f"signed with {self.public_key}: compare with the published key / 签名公钥：请与公布的公钥核对"


def examine(place: str, key: Optional[str] = None) -> Examined:
    """Check a package, or the folder it was unpacked to. Raises OSError."""
    if os.path.isdir(place):
        files = _files_below(place)
        data, found = pack(files), check_files(files, key)
    else:
        with open(place, "rb") as file:
            data = file.read()
        found = check_package(data, key)
        unreadable = any(fault.code == "unreadable" and fault.place == "package" for fault in found)
        files = {} if unreadable else _unpacked(data)[0]
    case, public_key = _named(files, MANIFEST, "case"), _named(files, SEAL, "public_key")
    return Examined(found, hashlib.sha256(data).hexdigest(), case, public_key)


def _files_below(folder: str) -> Dict[str, bytes]:
    files: Dict[str, bytes] = {}
    for here, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(here, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, folder).replace(os.sep, "/")] = file.read()
    return files


def _named(files: Mapping[str, bytes], file: str, name: str) -> Optional[str]:
    try:
        value = json.loads(files[file])[name]
    except (ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def is_public_key(text: str) -> bool:
    """Whether it looks like one: 64 hexadecimal digits."""
    return _is_hex(text.lower(), 64)


def main(arguments: List[str]) -> int:
    """Check the package that is named; 0 if it is whole, 1 if not, 2 if nothing could be checked."""
    if "-h" in arguments or "--help" in arguments:
        print(__doc__)
        return 0
    key = None
    if "--key" in arguments:
        at = arguments.index("--key")
        key = (arguments[at + 1 : at + 2] or [""])[0]
        arguments = arguments[:at] + arguments[at + 2 :]
    beside = os.path.dirname(os.path.abspath(__file__))
    if not arguments and os.path.isfile(os.path.join(beside, MANIFEST)):
        arguments = [beside]
    if len(arguments) != 1 or (key is not None and not is_public_key(key)):
        print(__doc__)
        return 2
    try:
        seen = examine(arguments[0], key)
    except OSError as error:
        print(error)
        return 2
    for fault in seen.faults:
        print(fault.line())
    if not seen.faults:
        print("whole: every byte is what was sealed / 完整：逐字节与封存时一致")
        print(seen.signed(key))
        print(f"SHA-256 {seen.sha256}")
    return 1 if seen.faults else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a console of another encoding
    sys.exit(main(sys.argv[1:]))
