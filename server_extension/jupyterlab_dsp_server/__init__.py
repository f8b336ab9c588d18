"""The Jupyter server half of the data science platform."""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from .application import DspApp

    return [{"module": "jupyterlab_dsp_server", "app": DspApp}]
