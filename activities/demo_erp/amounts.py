"""Whole numbers for money: cents, hundredths of a quantity, millionths of a price, and their text."""

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

CENT = 100
MICRO = 1_000_000


def cents(value: Decimal) -> int:
    """An amount in cents, or a quantity in hundredths; halves away from zero."""
    return int((value * CENT).to_integral_value(ROUND_HALF_UP))


def micros(value: Decimal) -> int:
    """A price in millionths."""
    return int((value * MICRO).to_integral_value(ROUND_HALF_UP))


def ratio(numerator: int, denominator: int) -> int:
    """The nearest whole number to a fraction; halves up. The denominator is positive."""
    return (2 * numerator + denominator) // (2 * denominator)


def extend(qty: int, price: int) -> int:
    """Quantity times price, in cents: the hundredths of both sides cancel out."""
    return ratio(qty * price, MICRO)


def decimal(value: int) -> Decimal:
    """An amount or a quantity as people write it."""
    return Decimal(value).scaleb(-2)


# Balances repeat themselves: each closing is the next opening, and most movements are zero. The bound
# keeps memory constant however large the ledger.
@lru_cache(maxsize=1 << 16)
def amount_text(value: int) -> str:
    """`-1234.05`: always two decimals."""
    digits = f"{abs(value):03d}"
    return f"{'-' if value < 0 else ''}{digits[:-2]}.{digits[-2:]}"


@lru_cache(maxsize=1 << 14)
def cost_text(value: int) -> str:
    """`12.345678`: always six decimals."""
    digits = f"{abs(value):07d}"
    return f"{'-' if value < 0 else ''}{digits[:-6]}.{digits[-6:]}"
