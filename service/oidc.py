"""Access tokens of an OpenID Connect provider: checked here against its keys, without asking it each time."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from service.key_sets import KeySets
from service.user import in_order, usable_name
from service.users import SignIn
from workflows.domain.approval import Group

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Only signatures that the provider alone can make: never `none`, never a shared secret."""

LEEWAY = 30
"""Seconds by which the clocks of provider and service may differ."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Provider:
    """Whose tokens are accepted, and what their claims mean here."""

    issuer: str
    audience: str
    user_claim: str = "preferred_username"
    groups_claim: str = "groups"
    """Its name; or the way to it, with dots."""
    group_map: Mapping[str, Group] = field(default_factory=dict)
    """The provider's groups in our words. If empty, the provider uses ours."""


class SignIns:
    """Reads what a token says, if it is one of the provider's for us, and in time."""

    def __init__(
        self, provider: Provider, keys: KeySets, now: Callable[[], int] = lambda: int(time.time())
    ) -> None:
        self._provider, self._keys = provider, keys
        self._rules = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    async def read(self, token: str) -> SignIn | None:
        """What the token shows; none if it is not to be believed. Why not is logged, without the token.

        Raises:
            SignInUnavailable: the provider's keys are needed and cannot be had.
        """
        try:
            return _shown(await self._claims(token), self._provider)
        except (JoseError, ValueError) as error:
            log.info("a sign-in token was refused: %s", error)
            return None

    async def _claims(self, token: str) -> dict[str, Any]:  # Any: JSON
        """Raises JoseError, ValueError."""
        header = jws.extract_compact(token.encode()).headers()
        if header.get("alg") not in ALGORITHMS:
            raise ValueError("signed by an algorithm that is not accepted")
        kid = header.get("kid")
        key = await self._keys.key(kid if isinstance(kid, str) else None)
        if key is None:
            raise ValueError("signed by a key that the provider does not name")
        claims = jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims
        self._rules.validate(claims)
        return claims


def _shown(claims: Mapping[str, Any], provider: Provider) -> SignIn:  # Any: JSON
    """Raises ValueError for a name that cannot stand on record."""
    named = claims.get(provider.user_claim)
    name = usable_name(named if isinstance(named, str) else str(claims["sub"]))
    full = claims.get("name")
    subject = hashlib.sha256(f"{claims['iss']}\x1f{claims['sub']}".encode()).hexdigest()
    groups = _groups(_claim(claims, provider.groups_claim), provider.group_map)
    return SignIn(subject, name, full[:200] if isinstance(full, str) and full.strip() else name, groups)


def _claim(claims: Mapping[str, Any], way: str) -> object:  # Any: JSON
    if way in claims:
        return claims[way]
    found: object = claims
    for part in way.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _groups(told: object, group_map: Mapping[str, Group]) -> tuple[Group, ...]:
    """Groups that mean nothing here are left out; a claim of another shape gives none."""
    known = group_map or {group.value: group for group in Group}
    names = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    return in_order(tuple(known[name] for name in names if isinstance(name, str) and name in known))
