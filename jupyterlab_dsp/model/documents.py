"""Changing one stored document safely, and making what users pass in fit for JSON."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..errors import Conflict, InvalidInput
from ..records import Json, Record, Records

#: how often a change is tried again when others change the same document
_TRIES = 200


def now() -> str:
    """UTC, ISO 8601, microseconds: sorts as text in the order of time."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def change(
    records: Records, read: Callable[[], Record], edit: Callable[[Json], Json | None], *, tries: int = _TRIES
) -> Record:
    """Compare-and-set until it holds: read, let ``edit`` return the new document (None: leave it), write.

    ``edit`` gets a copy and may be called several times. What ``read`` and ``edit`` raise goes through.
    Raises Conflict where the document changed under every one of ``tries`` attempts.
    """
    for attempt in range(tries):
        record = read()
        doc = edit(dict(record.doc))
        if doc is None:
            return record
        try:
            return records.put(record.kind, record.key, doc, scope=record.scope, expect=record.revision)
        except Conflict:
            if attempt == tries - 1:
                raise
            # random, so that two writers do not meet again and again
            time.sleep(random.uniform(0, min(0.001 * (attempt + 1), 0.05)))
    raise AssertionError("unreachable")


def clean_metrics(metrics: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Numbers by name; what is not finite becomes None. Raises InvalidInput naming a metric that is no number."""
    cleaned: dict[str, float | None] = {}
    for name, value in (metrics or {}).items():
        _check_key(name, "metric")
        if value is None:
            cleaned[name] = None
            continue
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"The metric '{name}' is not a number but {type(value).__name__}.", field=f"metrics.{name}"
            ) from error
        cleaned[name] = number if math.isfinite(number) else None
    return cleaned


def clean_params(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Parameters as JSON values; what is no JSON becomes its ``repr``, cut at 1000 characters."""
    cleaned = {}
    for name, value in (params or {}).items():
        _check_key(name, "parameter")
        cleaned[name] = _json(value)
    return cleaned


def clean_json(value: Any) -> Any:
    """Any value as JSON: numpy numbers become numbers, not-a-number None, other objects their ``repr``."""
    return _json(value)


def _check_key(name: object, noun: str) -> None:
    if not isinstance(name, str) or not name or len(name) > 200:
        raise InvalidInput(f"The name of a {noun} must be a text of 1 to 200 characters.", field=f"{noun}s")


def _json(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(item) for item in value]
    item = getattr(value, "item", None)  # numpy scalars
    if callable(item) and getattr(value, "ndim", None) == 0:
        return _json(item())
    return repr(value)[:1000]
