"""Whole numbers for money: cents, hundredths of a quantity, millionths of a price, and their text."""

from decimal import ROUND_HALF_UP, Decimal

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


class _Texts(dict[int, str]):
    """Texts of whole numbers with a decimal point, remembered.

    Balances repeat themselves: each closing is the next opening, and most movements are zero. Forgetting
    everything now and then is cheaper than knowing what was used least, and bounds memory as well.
    """

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def __missing__(self, value: int) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        digits = f"{abs(value):0{self.places + 1}d}"
        text = f"{'-' if value < 0 else ''}{digits[: -self.places]}.{digits[-self.places :]}"
        self[value] = text
        return text


_REMEMBERED = 1 << 17

amount_text = _Texts(2).__getitem__
"""An amount or a quantity: `-1234.05`, always two decimals."""

cost_text = _Texts(6).__getitem__
"""A unit cost: `12.345678`, always six decimals."""
