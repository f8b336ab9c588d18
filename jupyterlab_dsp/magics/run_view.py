"""The value of ``%%dsp train``: a run in a cell's output.

JupyterLab and Notebook 7 draw the live card from ``application/vnd.dsp.run+json``, which holds nothing but the run's
id and name, so it is live again after any restart. Everywhere else the HTML or text of this moment is shown.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from ..cli.format import metrics, pairs
from ..cli.progress import ending, failure, follow, where
from ..errors import DspError

if TYPE_CHECKING:
    from ..contract.train import Run

MIME = "application/vnd.dsp.run+json"


class RunView:
    """A run, live: its attributes are those of the run as it is now.

    ``wait()`` until it ends, ``stop()`` it, ``model()`` loads what it stored.
    """

    def __init__(self, run: Run, *, is_long: bool = False) -> None:
        self.run_id = run.id
        self.name = run.name
        self._run = run
        self._is_long = is_long

    @property
    def run(self) -> Run:
        """The run as it is now."""
        if not self._run.is_final:
            self._run = _platform().call("train.show", {"run_id": self.run_id})
        return self._run

    def wait(self) -> RunView:
        """Print progress until it ends. Raises RunFailed where it does not succeed."""
        self._run = follow(_platform(), self.run_id, print)
        return self

    def stop(self) -> RunView:
        """End it, with every process it started."""
        self._run = _platform().call("train.stop", {"run_id": self.run_id})
        return self

    def model(self, allow_unsafe: bool = False) -> Any:
        """The model that it stored. Raises RunFailed, Conflict where it is still going."""
        return load_model(self.run, allow_unsafe)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.run, name)

    def __dir__(self) -> list[str]:
        return ["run_id", "name", "run", "wait", "stop", "model", *type(self._run).model_fields]

    def __repr__(self) -> str:
        run = self._now()
        if self._is_long:
            from ..cli.views import view

            return view(run).text
        return line(run)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {
            MIME: {"run_id": self.run_id, "name": self.name},
            "text/html": self._html(),
            "text/plain": repr(self),
        }

    def _html(self) -> str:
        run = self._now()
        from ..cli.format import html_facts
        from ..cli.views import run_facts, view

        if self._is_long:
            return view(run).html
        facts = run_facts(run)
        shown = ("state", "problem", "stored", "metrics", "parameters", "from", "memory", "warnings")
        title = f"<div><b>{html.escape(run.name)}</b> run {html.escape(run.id)}</div>"
        return title + html_facts({name: facts[name] for name in shown})

    def _now(self) -> Run:
        try:
            return self.run
        except DspError:
            return self._run  # deleted since: what was known is still worth showing


def line(run: Run) -> str:
    """One line."""
    if run.is_final:
        return ending(run)
    parts = [f"{run.name} · run {run.id}", where(run.progress) or run.state]
    parts += [text for text in (metrics(run.metrics, 3), pairs(run.params, 6)) if text]
    return " · ".join(parts)


def load_model(run: Run, allow_unsafe: bool = False) -> Any:
    """The model that a run stored. Raises RunFailed with the reason, Conflict where it is still going."""
    from ..errors import Conflict, NotFound

    if not run.is_final:
        raise Conflict(f"Run {run.id} is still going.", hint=f"Wait for it: %dsp train watch {run.id}")
    if run.state != "succeeded":
        raise failure(run)
    if run.stored is None:
        raise NotFound(
            f"Run {run.id} stored no model.", hint="Name its variable: --model NAME; and leave out --no-store."
        )
    return _platform().model.load_object(f"{run.stored.model}@{run.stored.version}", allow_unsafe=allow_unsafe)


def _platform() -> Any:
    from ..api import platform

    return platform()
