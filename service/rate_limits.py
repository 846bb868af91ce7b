"""How often one may ask: reads and acts a minute for each identity, unknown tokens for each address."""

import math
import time
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from service.refusals import TooManyRequests
from service.user import TokenScope

DEV_FACTOR = 100
"""In dev, scripts play whole departments at once."""


@dataclass(frozen=True)
class Rates:
    """How many a minute."""

    reads: int
    acts: int
    failures: int


class _Bucket(StrEnum):
    READS = "reads"
    ACTS = "acts"
    FAILURES = "failures"


class RateLimits:
    """Counts in this process, over a sliding minute. Without rates nothing is counted or refused."""

    def __init__(self, rates: Rates | None) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._rules = (
            {
                _Bucket.READS: RateLimitItemPerMinute(rates.reads),
                _Bucket.ACTS: RateLimitItemPerMinute(rates.acts),
                _Bucket.FAILURES: RateLimitItemPerMinute(rates.failures),
            }
            if rates
            else {}
        )

    async def count(self, person: str, scope: TokenScope) -> None:
        """Count what somebody known asks for. Raises TooManyRequests."""
        await self._hit(_Bucket.READS if scope == TokenScope.READ else _Bucket.ACTS, person)

    async def count_failure(self, address: str) -> None:
        """Count a token that is nobody's. Raises TooManyRequests.

        Good tokens from the same address go on: behind one gateway there may be a whole company, and one
        broken script must not keep its approvers out. Guessing gains nothing by it: a token is 256 bits.
        """
        await self._hit(_Bucket.FAILURES, _neighbourhood(address))

    async def _hit(self, bucket: _Bucket, who: str) -> None:
        rule = self._rules.get(bucket)
        if rule is None or await self._limiter.hit(rule, bucket, who):
            return
        ends = (await self._limiter.get_window_stats(rule, bucket, who)).reset_time
        raise TooManyRequests(max(1, math.ceil(ends - time.time())))


def _neighbourhood(address: str) -> str:
    """A household of IPv6 has 2^64 addresses, and counts as one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
