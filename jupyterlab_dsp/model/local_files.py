"""Files beside the notebook that the slice needs: modules that it imports, data that it reads.

Only what lies below the notebook's folder after links are resolved: no ``..``, no absolute path, no link out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from .slices import FoundFile, Slice, SliceCell

_MOST_FILES = 500
_WRITERS = (
    "to_",
    "save",
    "dump",
    "write",
    "export",
    "mkdir",
    "makedirs",
    "remove",
    "unlink",
    "savefig",
    "rmtree",
)
_SKIPPED = {"__pycache__", ".ipynb_checkpoints", ".git", "node_modules", ".venv"}


def local_imports(cells: Slice, root: Path) -> list[FoundFile]:
    """Modules and packages below ``root`` that the cells import, and those that these import. Nothing is run."""
    root = root.resolve()
    users: dict[Path, list[SliceCell]] = {}
    for cell in cells.included:
        todo = [path for module in _imported(cell.python, "") for path in _files_of(module, root)]
        seen: set[Path] = set()
        while todo and len(seen) < _MOST_FILES:
            path = todo.pop()
            if path in seen:
                continue
            seen.add(path)
            users.setdefault(path, []).append(cell)
            package = ".".join(path.relative_to(root).with_suffix("").parts[:-1])
            try:
                text = path.read_text("utf-8", errors="replace")
            except OSError:
                continue
            todo += [each for module in _imported(text, package) for each in _files_of(module, root)]
    return [_found(path, root, "module", "imported by", cells_) for path, cells_ in sorted(users.items())]


def data_files(cells: Slice, root: Path) -> list[FoundFile]:
    """Existing files below ``root`` whose path is given to a call that does not look like writing."""
    root = root.resolve()
    texts: dict[str, str] = {}
    users: dict[Path, list[SliceCell]] = {}
    for cell in cells.included:
        for node in _calls_and_texts(cell.python, texts):
            path = _inside(node, root)
            if path is not None and path.suffix not in {".py", ".ipynb"} and cell not in users.setdefault(path, []):
                users[path].append(cell)
    return [_found(path, root, "data", "read by", cells_) for path, cells_ in sorted(users.items())]


def _found(path: Path, root: Path, kind: str, verb: str, cells: Iterable[SliceCell]) -> FoundFile:
    using = list(cells)
    numbers = ", ".join(str(cell.number) for cell in using)
    used_by = f"{verb} cell{'s' if len(using) > 1 else ''} {numbers}"
    relative = path.relative_to(root).as_posix()
    return FoundFile(relative, kind, path.stat().st_size, used_by, tuple(cell.id for cell in using))


def _inside(text: str, root: Path) -> Path | None:
    """The file of this name below ``root``; None where there is none, or it leads out."""
    if not text or len(text) > 1000 or "\0" in text or "\n" in text or "://" in text:
        return None
    relative = PurePosixPath(text.replace("\\", "/"))
    if relative.is_absolute() or ".." in relative.parts or Path(text).is_absolute():
        return None
    given = root.joinpath(*relative.parts)
    try:
        path = given.resolve()
        if not path.is_relative_to(root) or not path.is_file():
            return None
    except (OSError, ValueError, RuntimeError):
        return None
    # a link inside the folder is kept under the name that the code uses
    return given


def _files_of(module: str, root: Path) -> list[Path]:
    """Files that ``import module`` reads from the folder; a package comes whole, for it may import by name."""
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        return []
    found = _inside(f"{parts[0]}.py", root)
    if found is not None:
        return [found]
    top = root / parts[0]
    if _inside(f"{parts[0]}/__init__.py", root) is None:
        return [each for each in [_inside("/".join(parts) + ".py", root)] if each is not None and len(parts) > 1]
    files = (path for path in sorted(top.rglob("*.py")) if not _SKIPPED & set(path.relative_to(root).parts))
    inside = (_inside(path.relative_to(root).as_posix(), root) for path in files)
    return [path for path in inside if path is not None][:_MOST_FILES]


def _imported(text: str, package: str) -> Iterator[str]:
    for node in _walk(text):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                around = package.split(".") if package else []
                kept = around[: len(around) - (node.level - 1)]
                base = ".".join([*kept, base]).strip(".")
            if base:
                yield base
            yield from (f"{base}.{alias.name}".strip(".") for alias in node.names if alias.name != "*")


def _walk(text: str) -> Iterator[ast.AST]:
    try:
        yield from ast.walk(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return


def _calls_and_texts(python: str, texts: dict[str, str]) -> Iterator[str]:
    """Texts that are given to calls. ``texts`` collects names that hold a text, over the cells."""
    for node in _walk(python):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = _text(node.value, texts)
            if value is not None:
                texts[node.targets[0].id] = value
    for node in _walk(python):
        if not isinstance(node, ast.Call) or _writes(node):
            continue
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            for each in argument.elts if isinstance(argument, ast.List | ast.Tuple) else [argument]:
                value = _text(each, texts)
                if value is not None:
                    yield value
        if isinstance(node.func, ast.Attribute) and node.func.attr.startswith(("read_", "open")):
            value = _text(node.func.value, texts)
            if value is not None:
                yield value


def _writes(node: ast.Call) -> bool:
    func = node.func
    name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
    if name.startswith(_WRITERS) or name in {"print", "Path", "join"}:
        return True
    modes = [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
    return name == "open" and any(
        isinstance(mode, ast.Constant) and isinstance(mode.value, str) and mode.value[:1] in {"w", "a", "x"}
        for mode in modes
    )


def _text(node: ast.expr, texts: dict[str, str]) -> str | None:
    """A text that can be known without running: constants, names of such, f-strings, Path(...) / "x", os.path.join."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.Name(id=name):
            return texts.get(name)
        case ast.FormattedValue(value=value, format_spec=None):
            return _text(value, texts)
        case ast.JoinedStr(values=values):
            return _joined(values, "", texts)
        case ast.BinOp(left=left, right=right, op=ast.Div()):
            return _joined([left, right], "/", texts)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return _joined([left, right], "", texts)
        case ast.Call(func=ast.Name(id="Path" | "str") | ast.Attribute(attr="Path" | "join"), args=args) if args:
            return _joined(args, "/", texts)
    return None


def _joined(nodes: Iterable[ast.expr], between: str, texts: dict[str, str]) -> str | None:
    known = [_text(each, texts) for each in nodes]
    parts = [each for each in known if each is not None]
    return between.join(parts) if len(parts) == len(known) else None
