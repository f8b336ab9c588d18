"""The run card for VS Code, Colab and other front ends that show ipywidgets: one small script, no download."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import DspError

#: seconds between two looks at a run
_INTERVAL_S = 0.7
_LOG_BYTES = 8 * 1024
_WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


def card_for(shell: Any, run_id: str) -> Any | None:
    """A card, or None where this front end is not known to show widgets, or anywidget is not installed."""
    if not shows_widgets(shell) or find_spec("anywidget") is None:
        return None
    return make_card(run_id)


def shows_widgets(shell: Any) -> bool:
    """Whether a front end with widgets is on the other side, as far as the kernel can know."""
    if getattr(shell, "kernel", None) is None:
        return False
    return bool(
        shell.user_ns.get("__vsc_ipynb_file__") or "google.colab" in sys.modules or os.environ.get("VSCODE_PID")
    )


def make_card(run_id: str) -> Any:
    """A live ``RunCard``; it follows the run until it ends."""
    return _card_class()(run_id)


_class: Any = None


def _card_class() -> Any:
    # the class can only be made with anywidget at hand, and that import is not for everybody
    global _class
    if _class is None:
        _class = _make_class()
    return _class


def _make_class() -> Any:
    import anywidget
    import traitlets

    class RunCard(anywidget.AnyWidget):  # type: ignore[misc]
        """State of a run, sent to the browser as it changes."""

        _esm = Path(__file__).with_name("run_card.js")
        run = traitlets.Dict().tag(sync=True)
        series = traitlets.List().tag(sync=True)
        log = traitlets.Unicode("").tag(sync=True)
        problem = traitlets.Unicode("").tag(sync=True)

        def __init__(self, run_id: str) -> None:
            super().__init__()
            self._run_id = run_id
            self.on_msg(self._on_click)
            self.look()
            self._follower = Follower(self)

        def look(self) -> bool:
            """Read the run once; True when it has ended."""
            platform = _platform()
            try:
                run = platform.call("train.show", {"run_id": self._run_id})
                curves = platform.call("train.curves", {"run_id": self._run_id, "points": 200})
                chunk = platform.call("train.log", {"run_id": self._run_id, "tail": True, "limit": _LOG_BYTES})
            except DspError as error:
                self.problem = error.message
                return error.code == "not_found"
            with self.hold_sync():
                self.run = _shown(run)
                self.series = [
                    series.model_dump(mode="json") for series in curves.series if series.name != "learning_rate"
                ]
                self.log = chunk.text
                self.problem = ""
            return bool(run.is_final)

        def _on_click(self, _widget: Any, content: Any, _buffers: Any) -> None:
            if isinstance(content, dict) and content.get("action") == "stop":
                try:
                    _platform().call("train.stop", {"run_id": self._run_id})
                except DspError as error:
                    self.problem = error.message

        def show(self, fallback: Any) -> None:
            """Display it; where the widget cannot be drawn after all, the static picture of ``fallback`` is."""
            from IPython.display import display

            bundle = dict(fallback._repr_mimebundle_())
            own = self._repr_mimebundle_()
            data = own[0] if isinstance(own, tuple) else own or {}
            display({**bundle, **{key: value for key, value in data.items() if key == _WIDGET_MIME}}, raw=True)

    return RunCard


def _shown(run: Any) -> dict[str, Any]:
    from ..cli.format import duration, metrics, pairs
    from ..cli.progress import how, where

    progress = run.progress
    share = None
    if progress and progress.epochs and not run.is_final:
        done = (progress.epoch or 1) - 1 + ((progress.step or 0) / progress.steps if progress.steps else 0)
        share = min(max(done / progress.epochs, 0.0), 1.0)
    problem = run.problem
    return {
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "is_final": run.is_final,
        "stopping": run.stopping,
        "share": share,
        "where": how(run) if run.is_final else where(run.progress) or run.state,
        "params": pairs(run.params, 6),
        "metrics": metrics(run.metrics, 4),
        "stored": f"{run.stored.model} v{run.stored.version}" if run.stored else "",
        "problem": f"{problem.message} {problem.hint or ''}".strip() if problem else "",
        "duration": duration(run.duration_s),
    }


class Follower:
    """A thread that looks until the run has ended or the kernel is gone. A daemon: it keeps no kernel alive."""

    def __init__(self, card: Any) -> None:
        self._card = card
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="dsp-run-card", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        failures = 0
        while not self._ended.wait(_INTERVAL_S):
            try:
                if self._card.look():
                    return
                failures = 0
            except Exception as error:  # noqa: BLE001  a thread has nobody to raise to: say it on the card
                failures += 1
                with contextlib.suppress(Exception):
                    self._card.problem = f"The card cannot be refreshed: {error}"
                if failures > 20:
                    return

    def stop(self) -> None:
        """No more looks."""
        self._ended.set()


def _platform() -> Any:
    from ..api import platform

    return platform()
