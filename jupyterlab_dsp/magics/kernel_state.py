"""What the export dialog asks the kernel, without leaving a trace in it: environment, names, live models.

Answers are JSON in base64, since the front end receives the ``repr`` of a string.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from typing import Any


def describe() -> str:
    """python, folder, environment, names, models, and the text of each cell as it was last run."""
    from ..model.environment import capture_environment

    names = _names()
    return _pack(
        {
            "python": sys.executable,
            "folder": os.getcwd(),
            "environment": capture_environment(None),
            "names": sorted(names)[:100_000],
            "models": list(_models(names)),
            "ran": _ran(),
        }
    )


def save(variable: str, name: str, message: str) -> str:
    """``dsp.save`` of a live variable; answers model and version. Raises what ``dsp.save`` raises."""
    from ..api import save as api_save

    names = _names()
    if variable not in names:
        raise NameError(f"There is no variable '{variable}' in the kernel any more.")
    version = api_save(names[variable], name, message=message)
    return _pack({"model": version.model, "version": version.version})


def _names() -> dict[str, Any]:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return {}
    hidden = set(shell.user_ns_hidden)
    return {key: value for key, value in shell.user_ns.items() if not key.startswith("_") and key not in hidden}


def _models(names: dict[str, Any]) -> Iterator[dict[str, str]]:
    from ..model.formats import format_of_live_model

    for variable, value in names.items():
        found = format_of_live_model(value)
        if found is not None:
            yield {"variable": variable, "label": type(value).__name__, "format": found}


def _ran() -> dict[str, str]:
    from .notebook import executed_sources

    return executed_sources()


def _pack(value: Any) -> str:
    return base64.b64encode(json.dumps(value, default=str).encode()).decode()
