"""An OpenID Connect provider in memory: its keys, the tokens it signs, and whether it answers."""

import time
from typing import Any

import httpx
from joserfc import jwk, jwt

ISSUER, AUDIENCE = "https://id.example", "unclose"


class Issuer:
    """Answers discovery and keys, and counts how often it is asked for keys."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"k1": jwk.RSAKey.generate_key(2048, {"kid": "k1"})}
        self.asked = 0
        self.is_away = False
        self.speaks_for = ISSUER

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_away:
            raise httpx.ConnectError("away", request=request)
        if request.url.path == "/.well-known/openid-configuration":
            return httpx.Response(200, json={"issuer": self.speaks_for, "jwks_uri": f"{ISSUER}/jwks"})
        self.asked += 1
        return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys.values()]})

    def rotate(self) -> None:
        self.keys = {"k2": jwk.RSAKey.generate_key(2048, {"kid": "k2"})}

    def token(self, *, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A good token for us, with what a test wants different; a claim of none is left out."""
        kid = next(iter(self.keys))
        told = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "248",
            "exp": int(time.time()) + 300,
            "preferred_username": "lilei",
            "name": "李雷",
            "groups": ["finance", "canteen"],
            **claims,
        }
        signing = self.keys[kid] if key is None else key
        heading = {"alg": "RS256", "kid": kid, **(header or {})}
        body = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(heading, body, signing, algorithms=[heading["alg"]])
