"""How people name a version: "digits", "digits@3", "digits@v3", "digits@latest", "digits@production"."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..contract.base import Name
from ..errors import InvalidInput

_T = TypeVar("_T")
_NAME: TypeAdapter[str] = TypeAdapter(Name)


def check_name(value: Any, field: str = "model") -> str:
    """A valid name. Raises InvalidInput that names the field and the rule."""
    try:
        return _NAME.validate_python(value)
    except ValidationError as error:
        shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "...'"
        raise InvalidInput(
            f"{shown} cannot be the name of a {field}.",
            hint="Use letters, digits, '.', '_' and '-', at most 100, starting with a letter or digit.",
            field=field,
        ) from error


def parse_ref(ref: str) -> tuple[str, str]:
    """(model, "latest" | number as text | alias). Raises InvalidInput."""
    if not isinstance(ref, str):
        raise InvalidInput(f"A version is named by a text like 'digits@3', not by {type(ref).__name__}.", field="ref")
    model, at, rest = ref.partition("@")
    if at and not rest:
        raise InvalidInput(f"'{ref[:100]}' names no version after '@'.", hint="Write digits@3 or digits@production.")
    return check_name(model, "model"), rest or "latest"


def version_number(ref: str) -> int | None:
    """The number that "3" or "v3" stands for; None for an alias or "latest". Raises InvalidInput below 1."""
    match = re.fullmatch(r"v?(\d{1,10})", ref, re.ASCII)
    if match is None:
        return None
    number = int(match[1])
    if not 1 <= number <= 2**31:
        raise InvalidInput(f"Versions count from 1; there is no version {number}.", field="ref")
    return number


def version_key(version: int) -> str:
    """Key of a version's record."""
    return f"{version:010d}"
