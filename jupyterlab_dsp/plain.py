"""Any value as plain JSON: what user code hands over (numpy numbers, sets, NaN) must never break a record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_DEEPEST = 20
_LONGEST_TEXT = 500


def to_plain(value: Any, depth: int = 0) -> Any:
    """``value`` in types that JSON has, the same for equal values in every process.

    Keys become text, sets sorted lists, numpy scalars numbers, "nan" and "inf" text; anything else becomes its
    own text, shortened.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)  # also an IntEnum
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {_key(key): to_plain(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [to_plain(part, depth + 1) for part in value]
        if isinstance(value, set | frozenset):
            return sorted((to_plain(part, depth + 1) for part in value), key=lambda part: (str(type(part)), str(part)))
    return _foreign(value, depth)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(to_plain(key))


def _foreign(value: Any, depth: int) -> Any:
    """A value of a class that JSON does not know; its own methods may raise anything."""
    try:
        if depth < _DEEPEST and getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
            return to_plain(value.item(), depth + 1)
        text = str(value)
    except Exception:  # noqa: BLE001  a broken __str__ of the user's is no reason to lose the rest
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
