"""What an expression refers to: the parts of the data flow that need no context."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .known_calls import IMMUTABLE_BUILTINS, PLAIN_ATTRIBUTES


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A call. ``callee`` is its dotted text ('np.random.shuffle', 'model.fit', 'f') or '' where it has none."""

    callee: str
    last: str
    receiver: Share
    args: tuple[tuple[int | str, Share], ...]
    is_bare: bool
    is_inplace: bool
    line: int


#: names, and calls whose result is still to be judged, that a value may refer to
Share = tuple["str | Site", ...]


def dotted_name(node: ast.AST) -> str:
    """'a.b.c' of a chain of attributes on a name; '' for everything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def stored_names(target: ast.AST) -> Iterator[ast.Name]:
    """Names that an assignment target binds."""
    if isinstance(target, ast.Name):
        yield target
    elif isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from stored_names(each)
    elif isinstance(target, ast.Starred):
        yield from stored_names(target.value)


def share(node: ast.AST | None) -> Share:
    """What the value of an expression may refer to, so that changing one may change the other."""
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=attr):
            return () if attr in PLAIN_ATTRIBUTES else share(value)
        case ast.Subscript(value=value) | ast.Starred(value=value) | ast.NamedExpr(value=value):
            return share(value)
        case ast.Await(value=value) | ast.Yield(value=value) | ast.YieldFrom(value=value):
            return share(value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.BoolOp(values=parts):
            return _shares(parts)
        case ast.Dict(keys=keys, values=parts):
            return _shares([*(key for key in keys if key is not None), *parts])
        case ast.IfExp(body=body, orelse=orelse):
            return share(body) + share(orelse)
        case ast.BinOp(left=left, right=right, op=ast.Add() | ast.Mult() | ast.BitOr()):
            return share(left) + share(right)
        case ast.ListComp(elt=elt) | ast.SetComp(elt=elt) | ast.GeneratorExp(elt=elt):
            return share(elt) + _shares(each.iter for each in node.generators)
        case ast.DictComp(key=key, value=value):
            return share(key) + share(value) + _shares(each.iter for each in node.generators)
        case ast.Lambda(body=body):
            return tuple(each.id for each in ast.walk(body) if isinstance(each, ast.Name))
        case ast.Call():
            return (read_call(node),)
    return ()


def _shares(nodes: Iterable[ast.AST]) -> Share:
    return tuple(item for each in nodes for item in share(each))


def read_call(node: ast.Call, *, is_bare: bool = False) -> Site:
    """Describe a call."""
    func = node.func
    last = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    receiver = share(func.value) if isinstance(func, ast.Attribute) else share(func)
    args: list[tuple[int | str, Share]] = [
        ("*" if isinstance(arg, ast.Starred) else number, share(arg)) for number, arg in enumerate(node.args)
    ]
    args += [(keyword.arg or "**", share(keyword.value)) for keyword in node.keywords]
    is_inplace = any(
        k.arg in {"inplace", "copy_", "overwrite"} and isinstance(k.value, ast.Constant) and k.value.value is True
        for k in node.keywords
    )
    return Site(dotted_name(func), last, receiver, tuple(args), is_bare, is_inplace, node.lineno)


def immutable(node: ast.AST | None) -> frozenset[str] | None:
    """Names that must be immutable for this value to be; None where it is not, or nobody can say."""
    match node:
        case ast.Constant() | ast.JoinedStr() | ast.Compare():
            return frozenset()
        case ast.Name(id=name):
            return frozenset({name})
        case ast.UnaryOp(operand=operand):
            return immutable(operand)
        case ast.BinOp(left=left, right=right):
            return _all_immutable([left, right])
        case ast.Tuple(elts=parts):
            return _all_immutable(parts)
        case ast.IfExp(body=body, orelse=orelse):
            return _all_immutable([body, orelse])
        case ast.Attribute(attr=attr) if attr in PLAIN_ATTRIBUTES:
            return frozenset()
        case ast.Subscript(value=value):
            return immutable(value)
        case ast.Call(func=ast.Name(id=name)) if name in IMMUTABLE_BUILTINS:
            return frozenset()
    return None


def _all_immutable(nodes: Sequence[ast.AST]) -> frozenset[str] | None:
    found = [immutable(each) for each in nodes]
    known = [each for each in found if each is not None]
    return frozenset().union(*known) if len(known) == len(found) else None


def local_names(body: Sequence[ast.stmt]) -> tuple[set[str], set[str]]:
    """Names that the body of a function binds, and those that it declares ``global``."""
    names: set[str] = set()
    declared: set[str] = set()
    outer: set[str] = set()
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
                continue
            case ast.Lambda():
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                names |= {w.target.id for w in ast.walk(node) if isinstance(w, ast.NamedExpr)}
                continue
            case ast.Global(names=listed):
                declared |= set(listed)
            case ast.Nonlocal(names=listed):
                outer |= set(listed)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.add(name)
            case ast.Import() | ast.ImportFrom():
                names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.add(name)
        todo.extend(ast.iter_child_nodes(node))
    return names - declared - outer, declared
