"""The filter language: ``val_accuracy > 0.95 and tags.stage = nightly and not (lr <= 1e-3 or name ~ dig)``.

Text becomes a small tree (``parse``), short names in it become paths (``resolve``), the tree becomes text again
(``render``). ``fields`` and ``matches`` say what a filter means; each storage may answer in its own way, but must
answer the same.

What is true of a document:

- A path is the keys joined by dots: ``metrics.val_accuracy``. A key that itself holds a dot needs nothing special.
- null, an empty list and an empty object count as missing. ``x = null`` means missing, ``has x`` means not missing.
- ``!=`` is exactly ``not =``: a record without the path differs from every value.
- Numbers compare with numbers, text with text, true and false are equal only to themselves. NaN equals nothing
  and is neither greater nor less. A number written without quotes also equals text of the same spelling, so that
  ``tags.build = 3`` finds the tag "3".
- On a list, ``=``, ``in`` and ``~`` ask whether any element fits.
- ``~`` asks whether text contains the word, in upper or lower case.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

from .errors import InvalidInput

#: limits of a filter: characters, conditions, and levels of ``not`` and parentheses
MAX_LENGTH = 10_000
MAX_CONDITIONS = 200
MAX_DEPTH = 32

#: limits of what is searchable in one document; what is beyond them is kept, but neither found nor sorted by
MAX_FIELDS = 1000
MAX_FIELD_DEPTH = 8
MAX_PATH_LENGTH = 500
MAX_LIST_ELEMENTS = 1000

#: text is sorted by this many of its first characters
TEXT_PREFIX = 256

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Value:
    """What a path is compared with. ``text`` is what was typed, less its quotes.

    ``quoted`` is only how it is rendered: text is text with quotes or without.
    """

    value: Scalar | None
    text: str
    quoted: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """``path op value``; op is one of ``= != > >= < <= ~``."""

    path: str
    op: str
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """``path in (a, b)``: equal to any of them."""

    path: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """``has path``: the path is not missing."""

    path: str


@dataclass(frozen=True, slots=True)
class Not:
    item: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of the items; true where there is none."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Node, ...]


Node = Compare | In | Has | Not | And | Or

#: the filter that lets everything through
EVERYTHING = And(())

_GRAMMAR = r"""
?start: either
?either: both (_OR both)*
?both: item (_AND item)*
?item: _NOT item              -> negate
     | _LPAR either _RPAR     -> group
     | path OP value          -> compare
     | path _IN options          -> one_of
     | path _NOT _IN options     -> none_of
     | _HAS path              -> has
options: _LPAR option (_COMMA option)* _RPAR
path: (WORD | STRING)+
value: WORD | STRING
option: WORD | STRING

OP: ">=" | "<=" | "!=" | "==" | "=" | ">" | "<" | "~"
_LPAR: "("
_RPAR: ")"
_COMMA: ","
_AND.2: /and(?![^\s()=!<>~,"'])/i
_OR.2: /or(?![^\s()=!<>~,"'])/i
_NOT.2: /not(?![^\s()=!<>~,"'])/i
_IN.2: /in(?![^\s()=!<>~,"'])/i
_HAS.2: /has(?![^\s()=!<>~,"'])/i
WORD: /[^\s()=!<>~,"']+/
STRING: /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/s
%ignore /\s+/
"""

#: what to tell people where the parser would have taken this token; the first that fits is said
_EXPECTED = (
    ("OP", "an operator (= != > >= < <= ~) or 'in (...)'"),
    ("_HAS", "a condition"),
    ("WORD", "a name or a value"),
    ("_AND", "'and', 'or' or the end"),
    ("_COMMA", "',' or ')'"),
    ("_LPAR", "'('"),
    ("_RPAR", "')'"),
    ("_IN", "'in (...)'"),
    ("$END", "the end"),
)
_BARE = re.compile(r"""[^\s()=!<>~,"']+""")
_KEYWORDS = frozenset(("and", "or", "not", "in", "has"))
_LITERALS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_INTEGER = re.compile(r"[+-]?\d{1,300}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


# ---- text to tree and back ------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """The tree of a filter; "" or blanks alone give ``EVERYTHING``.

    Raises InvalidInput (field "filter") which quotes the place and says what was expected there.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInput(
            f"The filter has {len(text)} characters; {MAX_LENGTH} are the most.", field="filter", limit=MAX_LENGTH
        )
    text = encodable(text)
    if not text.strip():
        return EVERYTHING
    from lark.exceptions import UnexpectedInput

    try:
        tree: _Built = _parser().parse(text)
    except UnexpectedInput as error:
        raise _explain(text, error) from None
    return tree.node


def render(node: Node) -> str:
    """The tree as text that parses to the same tree again."""
    match node:
        case Compare(path, op, value):
            return f"{_quote_path(path)} {op} {_render_value(value)}"
        case In(path, values):
            return f"{_quote_path(path)} in ({', '.join(map(_render_value, values))})"
        case Has(path):
            return f"has {_quote_path(path)}"
        case Not(item):
            return f"not ({render(item)})"
        case And(items) | Or(items):
            word = " and " if isinstance(node, And) else " or "
            return word.join(f"({render(item)})" if isinstance(item, And | Or) else render(item) for item in items)


def resolve(node: Node, aliases: Callable[[str], str]) -> Node:
    """The same tree with every path replaced by ``aliases(path)``: ``val_accuracy`` to ``metrics.val_accuracy``.

    Paths go in and come out as plain text, without quotes.
    """
    match node:
        case Compare() | In() | Has():
            return replace(node, path=aliases(node.path))
        case Not(item):
            return Not(resolve(item, aliases))
        case And(items):
            return And(tuple(resolve(item, aliases) for item in items))
        case Or(items):
            return Or(tuple(resolve(item, aliases) for item in items))


def resolve_text(text: str, aliases: Callable[[str], str]) -> str:
    """``parse``, ``resolve`` and ``render`` in one: what a service does before it asks the records."""
    node = parse(text)
    return "" if node == EVERYTHING else render(resolve(node, aliases))


@dataclass(frozen=True, slots=True)
class _Built:
    """A part of the tree while it grows, with its size, so that limits hold before anything recurses into it."""

    node: Node
    depth: int = 1
    conditions: int = 1


@cache
def _parser() -> Any:
    from lark import Lark, Token, Transformer

    class Build(Transformer[Any, Any]):  # type: ignore[misc]
        """Called by the parser bottom-up, so that nothing here recurses."""

        def path(self, parts: Any) -> str:
            text = ""
            for before, part in zip([None, *parts], parts, strict=False):
                if before is not None and not (before.type != part.type and _joined(before, part)):
                    raise _wrong_at(part.start_pos, str(part), f"an operator or 'in' is expected after '{text}'")
                text += _unquote(part)
            return text

        def value(self, parts: Any) -> Value:
            return _value(parts[0])

        option = value  # a rule of its own, for the sake of what is said to be expected after it

        def options(self, values: Any) -> tuple[Value, ...]:
            return tuple(values)

        def compare(self, parts: Any) -> _Built:
            path, op, value = parts
            op_text = "=" if op == "==" else str(op)
            if op_text in (">", ">=", "<", "<=") and (value.value is None or isinstance(value.value, bool)):
                raise _wrong_at(op.start_pos, f"{op} {value.text}", "a number or text is expected after it")
            if op_text == "~":
                value = replace(value, value=value.text, quoted=True)
            return _Built(Compare(path, op_text, value))

        def one_of(self, parts: Any) -> _Built:
            return _limited(_Built(In(parts[0], parts[1]), conditions=len(parts[1])))

        def none_of(self, parts: Any) -> _Built:
            return _limited(_Built(Not(In(parts[0], parts[1])), depth=2, conditions=len(parts[1])))

        def has(self, parts: Any) -> _Built:
            return _Built(Has(parts[0]))

        def group(self, parts: Any) -> _Built:
            return parts[0]  # type: ignore[no-any-return]

        def negate(self, parts: Any) -> _Built:
            (part,) = parts
            if isinstance(part.node, Not):
                return _Built(part.node.item, part.depth - 1, part.conditions)
            return _limited(_Built(Not(part.node), part.depth + 1, part.conditions))

        def both(self, parts: Any) -> _Built:
            return _several(And, parts)

        def either(self, parts: Any) -> _Built:
            return _several(Or, parts)

    def _joined(left: Token, right: Token) -> bool:
        # "metrics." and '"val acc"' belong together, 'val' and '"acc"' do not
        word = left if left.type == "WORD" else right
        touching = left.end_pos == right.start_pos
        return touching and bool(word.endswith(".") if word is left else word.startswith("."))

    return Lark(_GRAMMAR, parser="lalr", transformer=Build(), maybe_placeholders=False)


def _several(kind: type[And] | type[Or], parts: list[_Built]) -> _Built:
    items: list[Node] = []
    for part in parts:
        items += part.node.items if isinstance(part.node, kind) else (part.node,)
    depth = max(part.depth for part in parts) + 1
    return _limited(_Built(kind(tuple(items)), depth, sum(part.conditions for part in parts)))


def _limited(built: _Built) -> _Built:
    if built.depth > MAX_DEPTH:
        raise InvalidInput(f"The filter is nested deeper than {MAX_DEPTH} levels.", field="filter", limit=MAX_DEPTH)
    if built.conditions > MAX_CONDITIONS:
        raise InvalidInput(
            f"The filter has more than {MAX_CONDITIONS} conditions.", field="filter", limit=MAX_CONDITIONS
        )
    return built


def _unquote(token: Any) -> str:
    text = str(token)
    # other backslashes stay: people paste Windows paths
    return re.sub(r"""\\([\\"'])""", r"\1", text[1:-1]) if token.type == "STRING" else text


def _value(token: Any) -> Value:
    text = _unquote(token)
    if token.type == "STRING":
        return Value(text, text, quoted=True)
    if text.lower() in _LITERALS:
        return Value(_LITERALS[text.lower()], text)
    if _INTEGER.fullmatch(text):
        return Value(_number(int(text)), text)
    if _NUMBER.fullmatch(text):
        return Value(float(text), text)
    return Value(text, text)


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quote_path(path: str) -> str:
    return path if _BARE.fullmatch(path) and path.lower() not in _KEYWORDS else _quote(path)


def _render_value(value: Value) -> str:
    if value.quoted or not _BARE.fullmatch(value.text) or value.text.lower() in _KEYWORDS:
        return _quote(value.text)
    return value.text


def _wrong_at(position: int, found: str, expected: str) -> InvalidInput:
    return InvalidInput(
        f"The filter cannot be read at '{_short(found)}' (character {position + 1}): {expected}.",
        hint="For example: val_accuracy > 0.95 and tags.stage = nightly. Put text with blanks or signs into quotes.",
        field="filter",
        position=position,
    )


def _explain(text: str, error: Any) -> InvalidInput:
    """The parser's complaint in words. ``pos_in_stream`` is missing or None where the text ended too early."""
    expected = set(getattr(error, "expected", None) or getattr(error, "allowed", None) or ())
    token = getattr(error, "token", None)
    position = len(text) if token is not None and token.type == "$END" else (error.pos_in_stream or 0)
    rest = text[position:]
    if rest[:1] in ("'", '"') and token is None:
        return _wrong_at(position, rest, "the quote is not closed")
    wanted = next((words for name, words in _EXPECTED if name in expected), "something else")
    found = rest.split(maxsplit=1)[0] if rest.strip() else ""
    if not found:
        return InvalidInput(
            f"The filter ends too early, after '{_short(text.rstrip()[-30:])}': {wanted} is expected there.",
            hint="For example: val_accuracy > 0.95 and tags.stage = nightly.",
            field="filter",
            position=position,
        )
    return _wrong_at(position, found, f"{wanted} is expected there")


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"


# ---- what a filter means --------------------------------------------------------------------------------------


def fields(doc: Mapping[str, Any]) -> dict[str, Scalar | tuple[Scalar, ...]]:
    """What can be searched in a document: path to value, in document order.

    Keys that start with "_" are private and left out, with all that is below them; so are nulls, empty lists and
    what is beyond the limits above. Where two ways lead to one path, the first counts. A list is the tuple of its
    plain elements. Numbers beyond 64 bits become floats.
    """
    found: dict[str, Scalar | tuple[Scalar, ...]] = {}
    for path, value in _leaves(doc, "", 1):
        if path not in found:
            if len(found) == MAX_FIELDS:
                break
            if isinstance(value, list | tuple):
                found[path] = tuple(
                    _plain(each) for each in value[:MAX_LIST_ELEMENTS] if isinstance(each, str | int | float)
                )
            elif isinstance(value, str | int | float):
                found[path] = _plain(value)
    return found


def _leaves(node: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if key.startswith("_") or value is None:
            continue
        path = prefix + key
        if isinstance(value, dict):
            if depth < MAX_FIELD_DEPTH:
                yield from _leaves(value, path + ".", depth + 1)
        elif len(path) <= MAX_PATH_LENGTH and value != []:
            yield path if path.isascii() else encodable(path), value


def encodable(text: str) -> str:
    """Text as it is searched: half of a surrogate pair is no character, no database takes it, so it becomes "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _plain(value: Scalar) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _number(value)
    if isinstance(value, str) and not value.isascii():
        return encodable(value)
    return value


def _number(value: int) -> int | float:
    if -(2**63) <= value < 2**63:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def sort_key(value: Scalar | tuple[Scalar, ...] | None) -> tuple[int, Any] | None:
    """Where a value stands among others: numbers, then text, then false and true. None: last in either direction."""
    match value:
        case None | tuple():
            return None
        case bool():
            return (2, value)
        case str():
            return (1, value[:TEXT_PREFIX])
        case _:
            return None if math.isnan(value) else (0, value)


def matches(node: Node, doc: Mapping[str, Any]) -> bool:
    """Whether a document passes: the plain evaluator that every storage must agree with."""
    return evaluate(node, fields(doc))


def evaluate(node: Node, found: Mapping[str, Scalar | tuple[Scalar, ...]]) -> bool:
    """``matches`` for a document whose ``fields`` are at hand."""
    match node:
        case And(items):
            return all(evaluate(item, found) for item in items)
        case Or(items):
            return any(evaluate(item, found) for item in items)
        case Not(item):
            return not evaluate(item, found)
        case Has(path):
            return _has(path, found)
        case In(path, values):
            return any(_equals(path, value, found) for value in values)
        case Compare(path, "=", value):
            return _equals(path, value, found)
        case Compare(path, "!=", value):
            return not _equals(path, value, found)
        case Compare(path, "~", value):
            needle = value.text.casefold()
            return any(isinstance(each, str) and needle in each.casefold() for each in _elements(path, found))
        case Compare(path, op, value):
            return _ordered(found.get(path), op, value.value)


def _elements(path: str, found: Mapping[str, Scalar | tuple[Scalar, ...]]) -> tuple[Scalar, ...]:
    value = found.get(path)
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _has(path: str, found: Mapping[str, Any]) -> bool:
    return path in found or any(each.startswith(path + ".") for each in found)


def _equals(path: str, value: Value, found: Mapping[str, Scalar | tuple[Scalar, ...]]) -> bool:
    if value.value is None:
        return not _has(path, found) or value.text in _elements(path, found)
    return any(_same(each, value) for each in _elements(path, found))


def _same(each: Scalar, value: Value) -> bool:
    if isinstance(each, str):
        return each == value.text
    if isinstance(each, bool) or isinstance(value.value, bool):
        return each is value.value
    return not isinstance(value.value, str) and each == value.value


def _ordered(left: Any, op: str, right: Any) -> bool:
    if isinstance(left, bool | tuple) or left is None or isinstance(left, str) != isinstance(right, str):
        return False
    if op == ">":
        return bool(left > right)
    if op == ">=":
        return bool(left >= right)
    if op == "<":
        return bool(left < right)
    return bool(left <= right)
