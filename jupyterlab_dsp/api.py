"""What user code calls: ``import jupyterlab_dsp as dsp``."""

from __future__ import annotations

import html
import os
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .contract.model import Version

if TYPE_CHECKING:
    from .platform import Platform
    from .train.logging import dataset as dataset
    from .train.logging import log as log
    from .train.logging import log_artifact as log_artifact

__all__ = ["SavedVersion", "dataset", "load", "log", "log_artifact", "notebook", "platform", "save", "use"]

#: path of the notebook that runs this code; set by the magics, "" where nobody knows
notebook: ContextVar[str] = ContextVar("jupyterlab_dsp_notebook", default="")

_lock = threading.Lock()
#: the platform, with the process and home that it was made for: neither survives a fork or a changed DSP_HOME
_platform: tuple[int, str, Platform] | None = None
_chosen: Platform | None = None


class SavedVersion(Version):
    """A version that was just stored: one line as text, a small table as HTML."""

    def __repr__(self) -> str:
        aliases = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"{self.model} v{self.version}{aliases} stored: {', '.join(self._facts())}"

    __str__ = __repr__

    def _facts(self) -> list[str]:
        shown = [_size(self.size_bytes)]
        shown += [f"{name} {value:.4g}" for name, value in list(self.metrics.items())[:5] if value is not None]
        if self.unsafe_reason:
            shown.append("loads only with allow_unsafe=True")
        return shown

    def _repr_html_(self) -> str:
        rows = {
            "model": f"{self.model} v{self.version}",
            "format": self.format,
            "size": _size(self.size_bytes),
            **{name: f"{value:.4g}" for name, value in self.metrics.items() if value is not None},
            **({"unsafe": self.unsafe_reason} if self.unsafe_reason else {}),
            "load with": f'dsp.load("{self.model}@{self.version}")',
        }
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in rows.items()
        )
        return f"<table>{cells}</table>"


def save(
    model: object,
    name: str | None = None,
    *,
    metrics: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    message: str = "",
    data: Any = None,
    format: str | None = None,
) -> SavedVersion:
    """Store a trained model as the next version of ``name``.

    ``dsp.save(model, "digits", metrics={"val_accuracy": 0.97})``

    model: a live model; or the name of a version ("digits@3"), to make a new version of the same weights with
        other metadata: then nothing of the weights is read or written, and what is None is taken over.
    data: what it was trained on: an array, a table, or a dict of them by name; only digest and shape are kept.
    format: "keras", "sklearn", "xgboost", "torch", "pickle"; None: the one that knows the object.
    Raises InvalidInput with what to do, ExtraMissing where a package is missing.
    """
    service = platform().model
    if isinstance(model, str):
        stored = service.copy_version(model, name, metrics=metrics, params=params, tags=tags, message=message)
    else:
        if name is None:
            from .errors import InvalidInput

            raise InvalidInput("The model needs a name.", hint='dsp.save(model, "digits")', field="name")
        stored = service.save_object(
            model,
            name,
            format=format,
            metrics=metrics,
            params=params,
            tags=tags,
            message=message,
            data=_describe(data),
            notebook=notebook.get(),
            run_id=_run_id(),
        )
    return SavedVersion.model_validate(stored.model_dump())


def load(ref: str, allow_unsafe: bool = False) -> Any:
    """The live model of "digits" (newest), "digits@3" or "digits@production".

    allow_unsafe: also where loading runs code that comes with the file (pickle, Lambda layers). Only for files
    of people you trust. Raises NotFound, UnsafeFormat with the reason, ExtraMissing, Corrupt.
    """
    return platform().model.load_object(ref, allow_unsafe=allow_unsafe)


def platform() -> Platform:
    """The platform of this process: the running job's, the one given to ``use``, else one from the settings."""
    from .train.current import current_run

    if (run := current_run()) is not None:
        return run.platform
    if _chosen is not None:
        return _chosen
    return _default()


def use(chosen: Platform | None) -> None:
    """Make ``save`` and ``load`` use this platform; None: the one from the settings again."""
    global _chosen
    _chosen = chosen


def _default() -> Platform:
    global _platform
    from .platform import Platform

    made_for = os.getpid(), os.environ.get("DSP_HOME", "")
    with _lock:
        if _platform is None or _platform[:2] != made_for:
            _platform = (*made_for, Platform())
        return _platform[2]


def _run_id() -> str | None:
    from .train.current import current_run

    run = current_run()
    return run.run_id if run else None


def _describe(data: Any) -> list[dict[str, Any]]:
    if data is None:
        return []
    from .train.data_used import describe

    named = data if isinstance(data, Mapping) else {"data": data}
    found = []
    for name, value in named.items():
        entry = describe(value, str(name), "dataset")
        found.append(entry if entry else {"name": str(name), "role": "dataset"})
    return found


def _size(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")


def __getattr__(name: str) -> Any:
    if name in ("log", "log_artifact", "dataset"):
        from .train import logging

        return getattr(logging, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
