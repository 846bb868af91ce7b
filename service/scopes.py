"""Which scope of a token an operation needs."""

from collections.abc import Mapping
from typing import Any

from service.user import TokenScope

KEY = "x-scope"


def needs(scope: TokenScope) -> dict[str, Any]:  # Any: OpenAPI
    """What a route says, in its `openapi_extra`, if its method does not tell the scope."""
    return {KEY: scope.value}


def scope_of(method: str, said: Mapping[str, Any] | None) -> TokenScope:  # Any: OpenAPI
    """Reading takes `read`, POST takes `act`, and every other method `admin`, unless the route says so."""
    if said and KEY in said:
        return TokenScope(said[KEY])
    if method in ("GET", "HEAD"):
        return TokenScope.READ
    return TokenScope.ACT if method == "POST" else TokenScope.ADMIN
