"""How single values are typed: sizes, ``name=value`` pairs, lists of names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .usage import UsageProblem

_UNITS = {
    "": 1, "b": 1,
    "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "t": 10**12, "tb": 10**12,
    "ki": 2**10, "kib": 2**10, "mi": 2**20, "mib": 2**20, "gi": 2**30, "gib": 2**30, "ti": 2**40, "tib": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([A-Za-z]*)\s*", re.ASCII)


def parse_size(text: str) -> int:
    """Bytes of "4GB", "512MiB", "1.5 G" or "1048576". Raises UsageProblem."""
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise UsageProblem(f"'{text}' is no size.", hint="Write it like 4GB, 512MiB or 1.5G.")
    return int(float(match[1]) * unit)


def parse_pair(text: str, option: str) -> tuple[str, str]:
    """("lr", "1e-3") of "lr=1e-3". Raises UsageProblem."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageProblem(f"'{text}' is no pair.", hint=f"Write {option} name=value.")
    return name.strip(), value


def parse_params(pairs: Iterable[str]) -> dict[str, Any]:
    """Parameters as typed: numbers, True, None, lists and dicts are read as Python, the rest is text."""
    from ..model.parameters import parse_value

    values: dict[str, Any] = {}
    for text in pairs:
        name, value = parse_pair(text, "-p")
        if name in values:
            raise UsageProblem(f"The parameter '{name}' is given twice.")
        values[name] = parse_value(value)
    return values


def parse_tags(pairs: Iterable[str]) -> dict[str, str]:
    """Tags are text, whatever they look like."""
    return dict(parse_pair(text, "--tag") for text in pairs)


def split_names(words: Iterable[str]) -> list[str]:
    """Names given one by one or with commas."""
    return [name for word in words for name in word.split(",") if name]
