"""The process that sets one report: an order as JSON on standard input, the PDF on standard output.

Nothing is read but the template and the fonts beside this file, and nothing comes from the network. A warning
is a failure: typst warns of a missing font or character, and would set an empty box.
"""

import json
import os
import sys
from pathlib import Path

import typst

_HERE = Path(__file__).parent
_NICENESS = 5
"""Cases that move come before reports of those that have ended."""


def set_report(order: dict[str, str | int]) -> bytes:
    """Raises ValueError: typst has warned; typst.TypstError: it has refused."""
    inputs: dict[str, str] = {name: str(order[name]) for name in ("report", "record") if name in order}
    made, warnings = typst.compile_with_warnings(
        _HERE / "template.typ",
        root=_HERE,
        font_paths=typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(_HERE / "fonts")]
        ),
        ignore_system_fonts=True,
        sys_inputs=inputs,
        pdf_standards=["a-3b"],
        timestamp=int(order["at"]),
    )
    if warnings:
        raise ValueError("; ".join(f"{warning.message} {warning.diagnostic}" for warning in warnings))
    assert isinstance(made, bytes)
    return made


def main() -> None:
    os.nice(_NICENESS)
    sys.stdout.buffer.write(set_report(json.loads(sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
