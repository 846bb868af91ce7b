"""Sets a report as a PDF (PDF/A-3b), in a process of its own.

Typesetting holds the interpreter for up to half a second, and a process that ends gives back its memory.
"""

import asyncio
import json
import sys
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any

from activities.report.document import Report
from activities.report.glyphs import breakable, shipped, showable

PATIENCE = 120.0
"""Seconds after which a report that is not set is given up."""

_AS_THEY_ARE = frozenset({"kind", "tone", "share", "language", "region"})
"""Names of fields that no reader sees."""
_UNBROKEN = frozenset({"title", "number", "page", "draft", "heading"})
"""What stands in bookmarks, headings and properties: there a place to break would be a character too many."""


class NotSet(Exception):
    """The report could not be set as it should be; the text says why. Nothing came of it."""


async def press(report: Report, at: datetime, record: str | None = None) -> bytes:
    """The report as PDF/A-3b; the same report gives the same bytes on every machine.

    Args:
        report: what it says.
        at: the date of the document: the case's own time, never the clock's.
        record: what the report was made from, as JSON; it is attached to the PDF.

    Raises:
        NotSet: typst refused or warned, or took too long.
    """
    order = {"report": json.dumps(_plain(report), ensure_ascii=False), "at": int(at.timestamp())}
    if record is not None:
        order["record"] = record
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "activities.report.setting",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            made, said = await child.communicate(json.dumps(order, ensure_ascii=False).encode())
    except TimeoutError as error:
        raise NotSet(f"not set within {PATIENCE:.0f} s") from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0 or not made.startswith(b"%PDF-"):
        raise NotSet(said.decode(errors="replace").strip()[-2000:] or f"ended with {child.returncode}")
    return made


def _plain(value: Any, name: str = "") -> Any:  # Any: JSON
    """The report as JSON, every text made fit to be shown."""
    if is_dataclass(value):
        kind = {"kind": value.kind} if hasattr(value, "kind") else {}
        return kind | {field: _plain(getattr(value, field), field) for field in value.__dataclass_fields__}
    if isinstance(value, tuple):
        return [_plain(part, name) for part in value]
    if not isinstance(value, str) or name in _AS_THEY_ARE:
        return value
    shown = showable(value, shipped())
    return shown if name in _UNBROKEN else breakable(shown)
