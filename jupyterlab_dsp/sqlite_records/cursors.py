"""Cursors: where a page ended, as opaque text. A cursor only fits the query that it came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput
from .schema import FALSE, TRUE


@dataclass(frozen=True, slots=True)
class Position:
    """The last record of a page: its value at the sort path (None: no place in the order), its scope and key."""

    value: int | float | str | bytes | None
    scope: str
    key: str


def write_cursor(position: Position, context: Sequence[Any]) -> str:
    """context: all that makes the query, less its limit."""
    value = position.value == TRUE if isinstance(position.value, bytes) else position.value
    text = json.dumps([_digest(context), value, position.scope, position.key], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, context: Sequence[Any]) -> Position | None:
    """Raises InvalidInput (field "cursor") for what is no cursor, or that of another query."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, value, scope, key = json.loads(text)
        f"{value}{scope}{key}".encode()  # what SQLite could not take: half characters, numbers beyond 64 bits
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(value)
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise _wrong("The cursor is not one that was given out here.") from error
    if digest != _digest(context):
        raise _wrong("The cursor belongs to another query.")
    if not (isinstance(scope, str) and isinstance(key, str) and isinstance(value, bool | int | float | str | None)):
        raise _wrong("The cursor is not one that was given out here.")
    if isinstance(value, bool):
        return Position(TRUE if value else FALSE, scope, key)
    return Position(value, scope, key)


def _digest(context: Sequence[Any]) -> str:
    return hashlib.blake2b(json.dumps(list(context)).encode(), digest_size=9).hexdigest()


def _wrong(message: str) -> InvalidInput:
    return InvalidInput(message, hint="Start again from the first page.", field="cursor")
