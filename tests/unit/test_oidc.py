"""Tokens of an OpenID Connect provider: which are believed, what they say, and what its keys cost."""

import base64
import hmac
import json
import time
from typing import Any

import pytest
from joserfc import jwk

from service.key_sets import FAILURE_PAUSE, MAX_AGE, UNKNOWN_KEY_PAUSE, KeySets
from service.oidc import ALGORITHMS, LEEWAY, Provider, SignIns
from service.outgoing import Outgoing
from service.refusals import SignInUnavailable
from tests.issuer import AUDIENCE, ISSUER, Issuer
from workflows.domain.approval import Group

PROVIDER = Provider(ISSUER, AUDIENCE)
NOW = int(time.time())


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def shared() -> Issuer:
    """For tests that change nothing of it: making keys takes time."""
    return Issuer()


def readers(issuer: Issuer, provider: Provider = PROVIDER) -> tuple[SignIns, Clock]:
    clock = Clock()
    keys = KeySets(Outgoing(issuer.transport()), ISSUER, clock=clock)
    return SignIns(provider, keys, now=lambda: NOW), clock


async def believed(issuer: Issuer, token: str, provider: Provider = PROVIDER) -> bool:
    return await readers(issuer, provider)[0].read(token) is not None


def unsigned(token: str, header: dict[str, Any], signature: str = "") -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{encoded}.{token.split('.')[1]}.{signature}"


async def test_a_good_token_says_who_it_is(shared: Issuer) -> None:
    shown = await readers(shared)[0].read(shared.token())
    assert shown is not None
    assert (shown.name, shown.display_name, shown.groups) == ("lilei", "李雷", (Group.FINANCE,))


# --------------------------------------------------------------------------- what is not believed


async def test_a_forged_token_is_refused(shared: Issuer) -> None:
    own_key = jwk.RSAKey.generate_key(2048, {"kid": "k1"})
    assert not await believed(shared, shared.token(key=own_key))


async def test_a_changed_claim_is_refused(shared: Issuer) -> None:
    heading, _, signature = shared.token().split(".")
    claims = shared.token(groups=["admin"]).split(".")[1]
    assert not await believed(shared, f"{heading}.{claims}.{signature}")


async def test_an_unsigned_token_is_refused(shared: Issuer) -> None:
    for algorithm in ("none", "None", "NONE"):
        assert not await believed(shared, unsigned(shared.token(), {"alg": algorithm, "kid": "k1"}))


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(shared: Issuer) -> None:
    public = shared.keys["k1"].as_pem(private=False)
    unsealed = unsigned(shared.token(), {"alg": "HS256", "kid": "k1"}).rstrip(".")
    seal = base64.urlsafe_b64encode(hmac.digest(public, unsealed.encode(), "sha256")).rstrip(b"=")
    assert not await believed(shared, f"{unsealed}.{seal.decode()}")


def _told(claims: dict[str, Any]) -> str:
    """A name that is the same in every process: times are told from now."""
    times = {name: value - NOW for name, value in claims.items() if type(value) in (int, float)}
    return str({**claims, **times})


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "payroll"},
        {"aud": ["payroll", "mail"]},
        {"aud": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": NOW - LEEWAY - 1},
        {"exp": NOW - 3600},
        {"nbf": NOW + LEEWAY + 1},
        {"iat": NOW + LEEWAY + 1},
        {"sub": None},
        {"preferred_username": "unclose"},
        {"preferred_username": "group:finance"},
        {"preferred_username": ""},
    ],
    ids=_told,
)
async def test_a_token_that_is_not_for_us_or_not_for_now_is_refused(
    shared: Issuer, claims: dict[str, Any]
) -> None:
    assert not await believed(shared, shared.token(**claims))


@pytest.mark.parametrize(
    "claims",
    [{"exp": NOW - LEEWAY + 1}, {"nbf": NOW + LEEWAY}, {"iat": NOW + LEEWAY}, {"aud": ["mail", AUDIENCE]}],
    ids=_told,
)
async def test_clocks_may_differ_a_little_and_a_token_may_be_for_several(
    shared: Issuer, claims: dict[str, Any]
) -> None:
    assert await believed(shared, shared.token(**claims))


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "....", "é.é.é", "e30.e30.e30"])
async def test_what_is_no_token_is_refused(shared: Issuer, token: str) -> None:
    assert not await believed(shared, token)


@pytest.mark.filterwarnings("ignore:EdDSA")
async def test_signatures_of_every_accepted_kind_are_read_and_no_secret_is_among_them() -> None:
    assert not any(name.startswith("HS") or name == "none" for name in ALGORITHMS)
    issuer = Issuer()
    made: list[tuple[str, Any]] = [
        ("PS256", issuer.keys["k1"]),
        ("ES256", jwk.ECKey.generate_key("P-256", {"kid": "e1"})),
        ("EdDSA", jwk.OKPKey.generate_key("Ed25519", {"kid": "o1"})),
    ]
    issuer.keys |= {key.kid: key for _, key in made}
    for algorithm, key in made:
        token = issuer.token(key=key, header={"alg": algorithm, "kid": key.kid})
        assert await believed(issuer, token), algorithm


# --------------------------------------------------------------------------- what it says


async def test_a_person_without_the_claim_is_known_by_the_subject(shared: Issuer) -> None:
    shown = await readers(shared)[0].read(shared.token(preferred_username=None, name=None))
    assert shown is not None
    assert (shown.name, shown.display_name) == ("248", "248")


@pytest.mark.parametrize(
    ("claims", "group_map", "groups"),
    [
        ({"groups": ["acc", "finance"]}, {"acc": Group.FINANCE_HEAD}, (Group.FINANCE_HEAD,)),
        ({"groups": "it"}, {}, (Group.IT,)),
        ({"groups": None}, {}, ()),
        ({"groups": {"it": True}}, {}, ()),
        ({"groups": [1, None, "it"]}, {}, (Group.IT,)),
    ],
)
async def test_groups_are_told_in_our_words_and_the_rest_means_nothing(
    shared: Issuer, claims: dict[str, Any], group_map: dict[str, Group], groups: tuple[Group, ...]
) -> None:
    reader, _ = readers(shared, Provider(ISSUER, AUDIENCE, group_map=group_map))
    shown = await reader.read(shared.token(**claims))
    assert shown is not None
    assert shown.groups == groups


async def test_groups_may_lie_deeper(shared: Issuer) -> None:
    reader, _ = readers(shared, Provider(ISSUER, AUDIENCE, groups_claim="realm_access.roles"))
    shown = await reader.read(shared.token(realm_access={"roles": ["it"]}))
    assert shown is not None
    assert shown.groups == (Group.IT,)


# --------------------------------------------------------------------------- keys


async def test_keys_are_asked_for_once_and_again_when_old() -> None:
    issuer = Issuer()
    reader, clock = readers(issuer)
    for _ in range(3):
        assert await reader.read(issuer.token())
    assert issuer.asked == 1
    clock.seconds += MAX_AGE
    assert await reader.read(issuer.token())
    assert issuer.asked == 2


async def test_a_rotated_key_is_accepted_and_the_old_one_no_longer() -> None:
    issuer = Issuer()
    reader, clock = readers(issuer)
    old = issuer.token()
    assert await reader.read(old)
    issuer.rotate()
    clock.seconds += UNKNOWN_KEY_PAUSE
    assert await reader.read(issuer.token())
    assert await reader.read(old) is None


async def test_unknown_keys_ask_the_provider_once_a_minute() -> None:
    issuer = Issuer()
    reader, clock = readers(issuer)
    assert await reader.read(issuer.token())
    clock.seconds += UNKNOWN_KEY_PAUSE
    for _ in range(20):
        assert await reader.read(issuer.token(header={"kid": "made up"})) is None
    assert issuer.asked == 2
    assert await reader.read(issuer.token())


async def test_without_the_provider_nobody_is_believed_blindly() -> None:
    issuer = Issuer()
    issuer.is_away = True
    reader, clock = readers(issuer)
    for _ in range(2):
        with pytest.raises(SignInUnavailable):
            await reader.read(issuer.token())
    issuer.is_away = False
    clock.seconds += FAILURE_PAUSE
    assert await reader.read(issuer.token())
    issuer.is_away = True
    assert await reader.read(issuer.token()), "its keys are still fresh"
    clock.seconds += MAX_AGE
    with pytest.raises(SignInUnavailable):
        await reader.read(issuer.token())


async def test_a_provider_that_speaks_for_another_is_not_listened_to() -> None:
    issuer = Issuer()
    issuer.speaks_for = "https://elsewhere.example"
    with pytest.raises(SignInUnavailable):
        await readers(issuer)[0].read(issuer.token())


async def test_a_secret_or_an_encryption_key_in_the_key_set_verifies_nothing() -> None:
    issuer = Issuer()
    issuer.keys = {
        "s": jwk.OctKey.generate_key(256, {"kid": "s"}),
        "e": jwk.RSAKey.generate_key(2048, {"kid": "e", "use": "enc"}),
    }
    other = jwk.RSAKey.generate_key(2048)
    with pytest.raises(SignInUnavailable):
        await readers(issuer)[0].read(issuer.token(key=other, header={"kid": "e"}))
