"""The architecture of the model, read from the code: layers, estimators and their arguments, with known values put in.

Nothing is run. Keras (Sequential, ``add``, functional, subclassed), torch.nn, scikit-learn and the boosters are known.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .sharing import dotted_name

_ROOTS = ("keras", "tensorflow", "tf_keras", "torch", "sklearn", "xgboost", "lightgbm", "catboost")
_OTHER = """
    optimizers losses metrics callbacks initializers regularizers schedules constraints model_selection optim data
    datasets backend random utils distribute saving mixed_precision distribution
"""
_OTHER_PARTS = frozenset(_OTHER.split())
_OTHER_CLASSES = frozenset({"Variable", "Tensor", "GradientTape", "TensorSpec", "TensorShape", "DMatrix", "Dataset"})
_CONTAINERS = frozenset(
    {"Sequential", "Pipeline", "Model", "ModuleList", "Functional", "FeatureUnion", "ColumnTransformer"}
)


@dataclass(frozen=True, slots=True)
class Layer:
    """``text`` is whole, 'Dense(64, activation=relu)'; ``label`` is short, 'Dense(64)'."""

    kind: str
    label: str
    text: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Layer:
        return cls(values["kind"], values["label"], values["text"])


def read_architecture(sources: Iterable[str], values: Mapping[str, Any]) -> list[Layer]:
    """Layers in the order of the text. sources: cells as plain Python. values: names that stand for literals."""
    trees = parse_all(sources)
    imports = imports_of(trees)
    return [layer for tree in trees for layer in _layers(tree, imports, values, in_loop=False)]


def recorded_architecture(rows: Sequence[Mapping[str, Any]]) -> list[Layer]:
    """Layers as a run or a proof recorded them: {class, name, config, parameters}."""
    layers = []
    for row in rows:
        kind = str(row.get("class") or row.get("kind") or "Layer")
        config = dict(row.get("config") or {})
        first = next(
            (config[key] for key in ("units", "filters", "rate", "shape") if config.get(key) is not None),
            None,
        )
        text = ", ".join(f"{key}={value}" for key, value in config.items())
        layers.append(Layer(kind, f"{kind}({'' if first is None else first})", f"{kind}({text})"))
    return layers


def call_settings(sources: Iterable[str], values: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Arguments of ``compile`` and ``fit``: {'fit epochs': (with values put in, as written)}."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for tree in parse_all(sources):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("fit", "compile")
            ):
                own = found.setdefault(dotted_name(node.func.value) or "model", {})
                for keyword in node.keywords:
                    if keyword.arg is not None:
                        pair = (_text(keyword.value, values), _text(keyword.value, {}))
                        own[f"{node.func.attr} {keyword.arg}"] = pair
    if len(found) == 1:
        return next(iter(found.values()))
    return {f"{owner}.{key}": pair for owner, own in found.items() for key, pair in own.items()}


def parse_all(sources: Iterable[str]) -> list[ast.Module]:
    """Trees of the texts that parse."""
    trees = []
    for source in sources:
        try:
            trees.append(ast.parse(source))
        except (SyntaxError, ValueError, RecursionError):
            continue
    return trees


def imports_of(trees: Iterable[ast.Module]) -> dict[str, str]:
    """Local name to dotted path."""
    found: dict[str, str] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    root = alias.name.split(".")[0]
                    found[alias.asname or root] = alias.name if alias.asname else root
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
    return found


def _layers(node: ast.AST, imports: Mapping[str, str], values: Mapping[str, Any], *, in_loop: bool) -> Iterator[Layer]:
    if isinstance(node, ast.Call):
        kind = _model_class(node.func, imports)
        if kind and kind not in _CONTAINERS:
            yield _layer(kind, node, values, in_loop=in_loop)
            return
        if isinstance(node.func, ast.Call):
            # Dense(64)(previous): what is inside the parentheses comes first
            for each in [*node.args, *(keyword.value for keyword in node.keywords)]:
                yield from _layers(each, imports, values, in_loop=in_loop)
            yield from _layers(node.func, imports, values, in_loop=in_loop)
            return
    in_loop = in_loop or isinstance(node, ast.For | ast.While | ast.ListComp | ast.GeneratorExp)
    for child in ast.iter_child_nodes(node):
        yield from _layers(child, imports, values, in_loop=in_loop)


def _model_class(func: ast.expr, imports: Mapping[str, str]) -> str:
    """'Dense' where this is a layer or an estimator, else ''."""
    path = dotted_name(func)
    root, _, rest = path.partition(".")
    if not path or root not in imports:
        return ""
    parts = f"{imports[root]}.{rest}".rstrip(".").split(".")
    is_model = parts[0] in _ROOTS and parts[-1][:1].isupper() and not _OTHER_PARTS & set(parts)
    return parts[-1] if is_model and parts[-1] not in _OTHER_CLASSES else ""


def _layer(kind: str, node: ast.Call, values: Mapping[str, Any], *, in_loop: bool) -> Layer:
    words = [_text(each, values) for each in node.args]
    words += [f"{k.arg}={_text(k.value, values)}" if k.arg else f"**{_text(k.value, values)}" for k in node.keywords]
    repeated = " (in a loop)" if in_loop else ""
    first = words[0] if words else ""
    return Layer(kind, f"{kind}({first})", f"{kind}({', '.join(words)}){repeated}")


class _PutIn(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.values and isinstance(node.ctx, ast.Load):
            return ast.Constant(self.values[node.id])
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """'layers.Dense' and 'keras.layers.Dense' are the same to a reader."""
        return ast.Name(node.attr, ast.Load()) if node.attr[:1].isupper() else self.generic_visit(node)


def _text(node: ast.expr, values: Mapping[str, Any]) -> str:
    copy = ast.parse(ast.unparse(node), mode="eval").body
    return ast.unparse(_PutIn(values).visit(copy))
