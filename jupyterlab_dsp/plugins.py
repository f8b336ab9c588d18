"""Plug-ins by entry point, the built-ins too. Nothing is imported before it is asked for by name."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from .errors import ExtraMissing, InvalidInput, Unavailable

#: the kinds that exist today; each is the entry-point group ``jupyterlab_dsp.<kind>``
KINDS = ("records", "stores", "engines", "formats")


@cache
def _found(kind: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"jupyterlab_dsp.{kind}")}


def names(kind: str) -> list[str]:
    """Names of the installed plug-ins of a kind, sorted."""
    return sorted(_found(kind))


@cache
def plugin_class(kind: str, name: str) -> Any:
    """The class behind a name.

    Raises InvalidInput for a name that is not installed, ExtraMissing where an optional package is missing,
    Unavailable where the plug-in's module fails to import.
    """
    point = _found(kind).get(name)
    if point is None:
        raise InvalidInput(
            f"There is no {kind} plug-in '{name}'.",
            hint=f"Installed: {', '.join(names(kind)) or 'none'}.",
            field=kind,
        )
    try:
        return getattr(importlib.import_module(point.module), point.attr)
    except ModuleNotFoundError as error:
        if error.name and not error.name.startswith("jupyterlab_dsp"):
            raise ExtraMissing.of(error.name, name) from error
        raise Unavailable(f"The {kind} plug-in '{name}' cannot be loaded: {error}.") from error
    except (ImportError, SyntaxError, AttributeError) as error:
        raise Unavailable(
            f"The {kind} plug-in '{name}' cannot be loaded: {error}.", hint=f"It comes from {point.value}."
        ) from error


def create(kind: str, name: str, config: dict[str, Any] | None = None, **context: Any) -> Any:
    """Build a plug-in: its ``Config`` is checked, then it is called as ``cls(config, **context)``."""
    cls = plugin_class(kind, name)
    try:
        checked = cls.Config.model_validate(config or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"The option '{field}' of the {kind} plug-in '{name}' is wrong: {first['msg']}.",
            hint="The reference of plug-ins lists its options.",
            field=field,
        ) from error
    return cls(checked, **context)
