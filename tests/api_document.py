"""The OpenAPI document of the whole API, the development routes included, for tests that walk through it."""

from functools import cache

from service.app import assemble
from service.documented_api import Document


@cache
def api_document() -> Document:
    """Built once: nobody changes it."""
    return assemble(dev=True).openapi()
