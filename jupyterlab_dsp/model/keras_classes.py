"""Classes and functions in a Keras configuration that are not Keras's own."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Custom:
    """A class or function that somebody wrote."""

    module: str
    name: str
    registered_name: str
    is_function: bool

    @property
    def label(self) -> str:
        return f"{self.module}.{self.name}"


def find_lambdas(config: Any) -> list[str]:
    """Names of the layers that carry marshalled Python code."""
    return [
        str((node.get("config") or {}).get("name") or node["class_name"])
        for node in _nodes(config)
        if node["class_name"] == "Lambda" and _has_code(node)
    ] or [str(node["class_name"]) for node in _nodes(config) if node["class_name"] == "__lambda__"]


def _has_code(node: Any) -> bool:
    return any(inner["class_name"] == "__lambda__" for inner in _nodes(node.get("config")))


def find_customs(keras: Any, config: Any) -> list[Custom]:
    """Every class and function of the configuration that Keras does not bring itself, once each.

    Keras writes no module for a class of a notebook, and "builtins" for any function.
    """
    found: dict[tuple[str, str], Custom] = {}
    for node in _nodes(config):
        name = node["class_name"]
        is_function = name == "function"
        if is_function:
            name = node.get("config")
        if "module" not in node or not isinstance(name, str) or name.startswith("__"):
            continue
        module = node["module"] or "__main__"
        if module == "builtins" and is_function:
            module = "__main__"
            if _is_builtin(keras, name):
                continue
        if not isinstance(module, str) or module.partition(".")[0] in ("keras", "builtins"):
            continue
        registered = name if is_function else str(node.get("registered_name") or name)
        found.setdefault((module, name), Custom(module, name, registered, is_function))
    return list(found.values())


def _is_builtin(keras: Any, function: str) -> bool:
    places = ("activations", "losses", "metrics", "initializers", "regularizers", "constraints", "ops")
    return any(hasattr(getattr(keras, place, None), function) for place in places)


def _nodes(config: Any) -> Iterator[dict[str, Any]]:
    if isinstance(config, list):
        for item in config:
            yield from _nodes(item)
    elif isinstance(config, dict):
        if isinstance(config.get("class_name"), str):
            yield config
        for value in config.values():
            yield from _nodes(value)


def custom_objects(keras: Any, customs: list[Custom], *, allow_unsafe: bool) -> dict[str, Any]:
    """What Keras must be told of: nothing is imported unless ``allow_unsafe``, only found where it is already.

    Raises InvalidInput that says which class is missing and how to provide it.
    """
    known: dict[str, Any] = {}
    for custom in customs:
        if keras.saving.get_registered_object(custom.registered_name) is not None:
            continue
        obj = _find(custom, allow_unsafe)
        if obj is None:
            raise InvalidInput(_missing(custom), hint=_remedy(custom), field="model", missing=custom.label)
        known[custom.registered_name] = known[custom.name] = obj
    return known


def _find(custom: Custom, allow_unsafe: bool) -> Any:
    module = sys.modules.get(custom.module)
    if module is None and allow_unsafe and custom.module != "__main__":
        try:
            module = importlib.import_module(custom.module)
        except ImportError:
            return None
    obj = getattr(module, custom.name, None)
    if allow_unsafe:
        return obj
    # A configuration may name anything (subprocess.Popen): take only what was made to be part of a model.
    if custom.is_function:
        return obj if inspect.isfunction(obj) and obj.__module__ == custom.module == "__main__" else None
    is_keras = inspect.isclass(obj) and any(base.__module__.partition(".")[0] == "keras" for base in obj.__mro__[1:])
    return obj if is_keras else None


def _missing(custom: Custom) -> str:
    noun = "function" if custom.is_function else "class"
    name = custom.name if custom.module == "__main__" else custom.label
    return f"The model uses the {noun} '{name}', which is not defined here."


def _remedy(custom: Custom) -> str:
    if custom.is_function:
        return (
            f"Define '{custom.name}' in the notebook first; or, where it lives in a module, decorate it with "
            "@keras.saving.register_keras_serializable() and import that module."
        )
    if custom.module == "__main__":
        return (
            f"It was defined in a notebook: run the cell that defines '{custom.name}' first, "
            "or move it into a module and import that."
        )
    return f"Import it first: from {custom.module} import {custom.name}."
