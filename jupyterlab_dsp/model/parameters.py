"""Parameters: top-level ``name = literal`` of the slice, found, checked and replaced in place."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import InvalidInput, UnknownParameter
from .cell_text import read_cell
from .slices import CellSource, Parameter, Slice

_ABSENT = object()


def find_parameters(cells: Slice | Sequence[CellSource]) -> list[Parameter]:
    """Each name once, with the value of its last literal assignment: that is the one that counts."""
    found: dict[str, Parameter] = {}
    for cell in _sources(cells):
        for name, node in _assignments(read_cell(cell.source).python):
            default = ast.literal_eval(node)
            place = found.pop(name, None)
            first = place or Parameter(name, default, type(default).__name__, cell.id, node.lineno)
            found[name] = Parameter(name, default, type(default).__name__, first.cell_id, first.line)
    return list(found.values())


def apply_parameters(cells: Slice | Sequence[CellSource], values: Mapping[str, Any]) -> list[CellSource]:
    """The cells with these values written over the literals; lines keep their numbers.

    Of a Slice: its included cells as plain Python. Of cells: these cells, magics and all.

    Every top-level literal assignment of a name is replaced, wherever it stands, so that no later one undoes it.
    Raises UnknownParameter (with the nearest name), InvalidInput where the type does not fit the default.
    """
    sources = _sources(cells)
    known = {each.name: each for each in find_parameters(sources)}
    checked: dict[str, str] = {}
    for name, value in values.items():
        if name not in known:
            raise unknown_parameter(name, known)
        checked[name] = _literal(name, check_value(name, value, known[name].default))
    return [_rewritten(cell, checked) for cell in sources] if checked else sources


def unknown_parameter(name: str, known: Iterable[str]) -> UnknownParameter:
    """The error that suggests the nearest name and lists what exists."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    exist = (
        f"Parameters of these cells: {', '.join(names)}." if names else "These cells assign no literal at top level."
    )
    return UnknownParameter(
        f"There is no parameter '{name}'.", hint=hint + exist, field=name, parameters=names, nearest=near[:1]
    )


def parse_value(text: str, default: object = _ABSENT) -> Any:
    """The value of ``-p name=text``: a Python literal where it is one, else the text.

    A default that is text keeps the text as it is: ``-p tag=1.10`` is '1.10'.
    """
    stripped = text.strip()
    words = {"true": True, "false": False, "none": None, "null": None}
    try:
        value = ast.literal_eval(stripped)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        value = words.get(stripped, text)
    if isinstance(default, str) and not isinstance(value, str):
        return text
    return value


def check_value(name: str, value: Any, default: Any) -> Any:
    """The value as the type of the default; InvalidInput where it does not fit. A default of None takes anything."""
    kind = type(default)
    if default is None or value is None or (type(value) is kind):
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (tuple, list, set) and isinstance(value, tuple | list):
        return kind(value)
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:59] + "…"
    hint = f"Quote it: -p {name}=\"'{value}'\"" if kind is str else None
    raise InvalidInput(
        f"'{name}' takes {_KINDS.get(kind, kind.__name__)}, like its default {default!r}; {shown} is none.",
        hint=hint,
        field=name,
    )


_KINDS = {
    int: "a whole number", float: "a number", str: "text", bool: "True or False", tuple: "a tuple", list: "a list",
    dict: "a dict", set: "a set",
}  # fmt: skip


def _sources(cells: Slice | Sequence[CellSource]) -> list[CellSource]:
    return cells.sources() if isinstance(cells, Slice) else list(cells)


def _assignments(python: str) -> list[tuple[str, ast.expr]]:
    try:
        body = ast.parse(python).body
    except (SyntaxError, ValueError, RecursionError):
        return []
    found = []
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.append((name, value))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found.append((name, value))
    return [(name, value) for name, value in found if _is_literal(value)]


def _is_literal(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=int() | float() | str() | None):
            return True
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float() as value)):
            return not isinstance(value, bool)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return all(_is_literal(each) for each in parts)
        case ast.Dict(keys=keys, values=parts):
            return all(key is not None and _is_literal(key) for key in keys) and all(map(_is_literal, parts))
    return False


def _literal(name: str, value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    text = repr(value)
    try:
        if ast.literal_eval(text) == value and "\n" not in text:
            return text
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        pass
    raise InvalidInput(f"The value of '{name}' cannot be written as a Python literal.", field=name)


def _rewritten(cell: CellSource, values: Mapping[str, str]) -> CellSource:
    text = read_cell(cell.source)
    spans = [(node, values[name]) for name, node in _assignments(text.python) if name in values]
    if not spans:
        return cell
    lines = cell.source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    clean = text.python.split("\n")
    # the two differ where an indented cell was dedented, and in lines such as "%time x = 1"
    shifts = [len(a) - len(b) if a.endswith(b) else 0 for a, b in zip(lines, clean, strict=True)]
    for node, value in reversed(spans):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        head = lines[first][: shifts[first] + _column(clean[first], node.col_offset)]
        tail = lines[last][shifts[last] + _column(clean[last], node.end_col_offset or 0) :]
        lines[first : last + 1] = [head + value + tail, *[""] * (last - first)]
    return CellSource(cell.id, "\n".join(lines), cell.index, cell.execution_count, cell.execution_source)


def _column(line: str, offset: int) -> int:
    """Syntax trees count UTF-8 bytes."""
    return len(line.encode()[:offset].decode(errors="ignore"))
