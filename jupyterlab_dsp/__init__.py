"""jupyterlab-dsp: the data science platform inside JupyterLab.

In a notebook: ``%load_ext jupyterlab_dsp``, then ``%%dsp train --name digits`` on top of a training cell.
In code: ``import jupyterlab_dsp as dsp``; ``dsp.save``, ``dsp.load``, ``dsp.log``, ``dsp.log_artifact``,
``dsp.dataset``. Names are imported on first use, so that the import itself costs milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import dataset as dataset
    from .api import load as load
    from .api import log as log
    from .api import log_artifact as log_artifact
    from .api import save as save
    from .errors import DspError as DspError
    from .platform import Platform as Platform

__all__ = ["DspError", "Platform", "dataset", "load", "load_ipython_extension", "log", "log_artifact", "save"]

_HOME = {
    "DspError": "errors",
    "Platform": "platform",
    "dataset": "api",
    "load": "api",
    "log": "api",
    "log_artifact": "api",
    "save": "api",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("jupyterlab-dsp")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext jupyterlab_dsp``: registers ``%dsp`` and ``%%dsp``."""
    from .magics.extension import load

    load(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyterlab-dsp"}]
