"""Refuses query parameters that an operation does not have: a misspelt filter must not give everything."""

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

UNKNOWN = "unknown_parameter"
"""How the mistake is named among pydantic's own kinds."""
ANY_PARAMETER = "x-any-parameter"
"""What a route says, in its `openapi_extra`, whose callers add parameters of their own."""


async def refuse_unknown_parameters(request: Request) -> None:
    """Raises RequestValidationError naming each parameter that the operation does not know."""
    if not request.query_params:
        return
    route = request.scope["route"]
    assert isinstance(route, APIRoute), "other routes have no dependencies"
    if (route.openapi_extra or {}).get(ANY_PARAMETER):
        return
    known = {param.alias for param in get_flat_params(route.dependant) if _is_query(param)}
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if unknown:
        raise RequestValidationError([{"type": UNKNOWN, "loc": ("query", name)} for name in unknown])


def _is_query(param: object) -> bool:
    in_ = getattr(getattr(param, "field_info", None), "in_", None)
    return in_ is not None and in_.value == "query"
