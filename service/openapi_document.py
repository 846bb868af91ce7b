"""The OpenAPI document and the reference of problems as they stand in `openapi/`."""

import json

from service.app import assemble
from service.documented_api import Document
from service.problems import reference


def build() -> Document:
    """The document, as a tree. The same code gives the same document."""
    return assemble().openapi()


def text() -> str:
    """What stands in `openapi/openapi.json`."""
    return json.dumps(build(), ensure_ascii=False, indent=2) + "\n"


def problems_text() -> str:
    """What stands in `openapi/problems.md`."""
    return reference()
