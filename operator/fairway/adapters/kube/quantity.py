"""Amounts as Kubernetes writes them, compared by what they mean: "1000m" is "1", "1024Mi" is "1Gi". Pure.

The API server stores its own spelling of an amount: the text that was sent is not the text that comes back.
Suffixes: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,3})?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def same_quantity(one: Any, other: Any) -> bool:
    """Whether two amounts are equal; what is no amount is compared as it stands."""
    left, right = _thousandths(one), _thousandths(other)
    return bool(one == other) if left is None or right is None else left == right


def _thousandths(written: Any) -> int | None:
    """Rounded up, as the API server does with what it stores."""
    found = _QUANTITY.fullmatch(str(written)) if isinstance(written, str | int | float) else None
    if found is None:
        return None
    number, suffix = Fraction(found[1]), found[2] or ""
    if suffix in _BINARY:
        return math.ceil(1000 * number * Fraction(1024) ** _BINARY[suffix])
    power = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:] or 0)
    return math.ceil(1000 * number * Fraction(10) ** power)
