"""From path, query and body to the request type of an operation."""

from __future__ import annotations

import json
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from pydantic import ValidationError

from jupyterlab_dsp.contract.base import Request
from jupyterlab_dsp.contract.operations import Operation
from jupyterlab_dsp.errors import InvalidInput
from jupyterlab_dsp.platform import check, invalid_input

from .errors import WrongContentType

#: Query keys of the Jupyter server itself: login, XSRF, and "this is no activity of the user".
SERVER_KEYS = frozenset({"token", "_xsrf", "no_track_activity"})
#: JupyterLab adds the time as a key without value, against caches.
_TIME = re.compile(r"\d{10,17}")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def takes_body(operation: Operation) -> bool:
    """Whether the fields that are not in the path stand in a JSON body; else in the query."""
    return operation.method not in ("GET", "DELETE")


def read_request(
    operation: Operation, path: Mapping[str, str], query: str, content_type: str, body: bytes | bytearray
) -> Request:
    """The checked request. Raises InvalidInput that names the field.

    path: values of the path as they came, percent-encoded.   query: the query string as it came.
    """
    values: dict[str, Any] = {name: _unquoted(name, value) for name, value in path.items()}
    asked = _read_query(operation, query)
    if takes_body(operation):
        if asked:
            name = next(iter(asked))
            raise InvalidInput(f"There is no query field '{name}'.", hint="Fields stand in the body.", field=name)
        more = _read_body(content_type, body) if body else {}
    else:
        if body:
            raise InvalidInput("This takes no body.", hint="Fields stand in the query.", field="body")
        more = asked
    for name in more:
        if name in path:
            raise InvalidInput(f"The field '{name}' stands in the path already.", field=name)
    if not takes_body(operation):
        return check(operation.request, {**more, **values})
    typed = {name: _as_number(operation, name, value) for name, value in values.items()}
    try:
        # JSON has types of its own: 1 is not true, and "1" is no number
        return operation.request.model_validate({**more, **typed}, strict=True)
    except ValidationError as error:
        raise invalid_input(error) from error


def _as_number(operation: Operation, name: str, value: str) -> str | int:
    """Text of the path as the number that the field wants, where it is one."""
    wants_number = operation.request.model_fields[name].annotation is int
    return int(value) if wants_number and re.fullmatch("[0-9]{1,18}", value) else value


def _unquoted(name: str, value: str) -> str:
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode("utf-8")
    except UnicodeError:
        raise InvalidInput(f"The field '{name}' is not UTF-8 text.", field=name) from None


def _read_query(operation: Operation, query: str) -> dict[str, Any]:
    if not query:
        return {}
    try:
        # tornado hands over raw bytes as latin-1
        pairs = parse_qsl(
            query.encode("latin-1").decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=2000
        )
    except ValueError:
        raise InvalidInput("The query is not UTF-8 text, or too long.", field="query") from None
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in SERVER_KEYS or (not value and _TIME.fullmatch(name)):
            continue
        field = operation.request.model_fields.get(name)
        if field is not None and _is_list(field.annotation):
            values.setdefault(name, []).append(value)
        elif name in values:
            raise InvalidInput(f"The field '{name}' is given twice.", field=name)
        else:
            values[name] = value
    return values


def _is_list(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin in (list, set, tuple):
        return True
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        return any(_is_list(part) for part in typing.get_args(annotation))
    return False


def _read_body(content_type: str, body: bytes | bytearray) -> dict[str, Any]:
    media_type, _, parameters = content_type.partition(";")
    # JupyterLab sends no type of its own where there is none to say; a wrong one is a mistake worth telling
    if media_type.strip().lower() not in ("", "application/json"):
        raise WrongContentType("The body must be 'application/json'.", field="body")
    if "charset" in parameters.lower() and "utf-8" not in parameters.lower():
        raise WrongContentType("The body must be UTF-8.", field="body")
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput("The body is not UTF-8 text.", field="body") from None
    except RecursionError:
        raise InvalidInput("The body is nested too deeply.", field="body") from None
    except ValueError as error:
        raise InvalidInput(f"The body is not JSON: {error}.", field="body") from None
    if not isinstance(value, dict):
        raise InvalidInput("The body must be a JSON object.", field="body")
    if _ESCAPED_SURROGATE.search(body):
        _refuse_half_characters(value)
    return value


def _refuse_half_characters(value: Any) -> None:
    """Half of a surrogate pair is no text: nothing below could store or print it."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput("The body holds half a character (a lone surrogate).", field="body") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise InvalidInput(f"The field '{name}' is given twice.", field=name)
            seen.add(name)
    return value


def _integer(text: str) -> int:
    # more digits than a double reaches: no other reader of JSON would take it
    if len(text) > 308:
        raise ValueError("a number is too large")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
