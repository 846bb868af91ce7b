"""The signing keys of an OpenID Connect provider: fetched, kept for a while, fetched again when rotated."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, TypeAlias

from joserfc import jwk
from joserfc.errors import JoseError

from service.outgoing import NoAnswer, Outgoing
from service.refusals import SignInUnavailable

VerifyingKey: TypeAlias = jwk.RSAKey | jwk.ECKey | jwk.OKPKey

MAX_AGE = 600.0
"""Seconds after which keys are fetched anew, so that one withdrawn by the provider stops being accepted."""
UNKNOWN_KEY_PAUSE = 60.0
"""Seconds between two fetches because of a key that is not known: anybody can make one up."""
FAILURE_PAUSE = 5.0
"""Seconds after a failed fetch before the next."""

log = logging.getLogger(__name__)


class KeySets:
    """The provider's keys by their id. Without an answer of the provider nothing is accepted."""

    def __init__(
        self,
        outgoing: Outgoing,
        issuer: str,
        jwks_url: str | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._outgoing, self._issuer, self._jwks_url, self._clock = outgoing, issuer, jwks_url, clock
        self._keys: dict[str | None, VerifyingKey] = {}
        self._fetched = self._tried = -MAX_AGE
        self._has_failed = False
        self._fetching = asyncio.Lock()

    async def key(self, kid: str | None) -> VerifyingKey | None:
        """The key of that id; of a token that names none, the only key there is.

        Raises:
            SignInUnavailable: the provider must be asked and does not answer.
        """
        if not self._is_fresh() or kid not in self._keys:
            async with self._fetching:
                await self._ask_if_needed(kid)
        return self._keys.get(kid)

    async def _ask_if_needed(self, kid: str | None) -> None:
        if self._is_fresh() and kid in self._keys:
            return  # another call has fetched it meanwhile
        pause = UNKNOWN_KEY_PAUSE if self._is_fresh() else FAILURE_PAUSE
        if self._clock() - self._tried >= pause:
            await self._fetch()
        if self._has_failed:
            raise SignInUnavailable

    def _is_fresh(self) -> bool:
        return self._clock() - self._fetched < MAX_AGE

    async def _fetch(self) -> None:
        self._tried = self._clock()
        try:
            url = self._jwks_url or await self._discover()
            self._keys = _read_keys(await self._outgoing.get_json(url))
        except NoAnswer as error:
            self._has_failed = True
            log.warning("keys of the identity provider cannot be fetched: %s", error)
        else:
            self._fetched, self._has_failed = self._tried, False

    async def _discover(self) -> str:
        """Raises NoAnswer."""
        place = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = await self._outgoing.get_json(place)
        if found.get("issuer") != self._issuer:
            raise NoAnswer(f"{place} speaks for another issuer")
        url = found.get("jwks_uri")
        if not isinstance(url, str) or (self._issuer.startswith("https:") and not url.startswith("https:")):
            raise NoAnswer(f"{place} names no place for its keys")
        return url


def _read_keys(document: Mapping[str, Any]) -> dict[str | None, VerifyingKey]:  # Any: JSON
    """Raises NoAnswer if there is no key in it that could have signed a token."""
    listed = document.get("keys")
    found: dict[str | None, VerifyingKey] = {}
    usable = [key for entry in listed if (key := _read_key(entry))] if isinstance(listed, list) else []
    for key in usable:
        found[key.kid] = key
    if not found:
        raise NoAnswer("the key set holds no key that verifies")
    if len(usable) == 1:
        found[None] = usable[0]
    elif None in found:
        del found[None]  # one of several keys, and nothing says which
    return found


def _read_key(entry: object) -> VerifyingKey | None:
    """A public key for signatures; secrets shared with the provider, and what cannot be read, are none."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    try:
        key = jwk.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None if isinstance(key, jwk.OctKey) else key
