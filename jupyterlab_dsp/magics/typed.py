"""What happens when ``%dsp`` or ``%%dsp`` is typed: the same parser as the shell's, with a notebook around it."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from ..cli.commands import Where
from ..cli.documents import Cells
from ..cli.help import help_text
from ..cli.parser import Parsed, parse, split
from ..cli.progress import Interrupted, follow
from ..cli.session import Session
from ..cli.usage import UsageProblem
from ..errors import DspError
from .answers import Answer
from .errors import presentable

if TYPE_CHECKING:
    from ..contract.train import Run
    from .extension import Extension


class NotebookSession(Session):
    """One notebook's kernel."""

    where: Where = "notebook"

    def __init__(self, extension: Extension) -> None:
        super().__init__()
        self._extension = extension
        self._shell = extension.shell
        self._notebook = extension.notebook

    @property
    def platform(self) -> Any:
        """Asked anew each time: a test, a fork or a changed ``DSP_HOME`` has another."""
        from ..api import platform

        return platform()

    def run(self, line: str, cell: str | None) -> Any:
        """Do what is typed. What goes wrong is raised as one line without a traceback, so that the cell fails."""
        try:
            parsed = parse(split(line), "notebook")
            _check_cell(parsed, cell)
            if parsed.command is None or parsed.values is None:
                print(help_text(parsed, "notebook"))
                return None
            return self._answer(parsed.command.runner(parsed.values, self), parsed)
        except DspError as error:
            raise presentable(error) from None
        except Interrupted:
            return None

    def _answer(self, answer: Any, parsed: Parsed) -> Any:
        from ..cli.views import to_json
        from ..contract.train import Run
        from .run_view import RunView

        assert parsed.command is not None
        if parsed.as_json:
            print(to_json(answer.run if isinstance(answer, RunView) else answer))
            return None
        if answer is None:
            return None
        if parsed.command.verb == "watch" and not parsed.output:
            return None  # its lines have said it all
        if isinstance(answer, Run):
            answer = RunView(answer, is_long=parsed.command.verb == "show")
        if not isinstance(answer, RunView):
            answer = Answer(answer, parsed.command)
        is_model = parsed.command.words in ("train submit", "model load")
        if parsed.output and not is_model:
            self._shell.user_ns[parsed.output] = answer
            return None
        return answer

    # -- what commands ask --------------------------------------------------------------------------------------

    def cells(self, values: argparse.Namespace) -> Cells:
        """This notebook."""
        cells, target = self._notebook.cells()
        return Cells(
            path=self._notebook.path(),
            cells=cells,
            folder=os.getcwd(),
            target=target,
            document=self._notebook.document(),
            kernel=self._kernel_state() if values.command_words == "model export" else None,
            python=sys.executable,
        )

    def _kernel_state(self) -> dict[str, Any]:
        from ..model.environment import capture_environment

        hidden = set(getattr(self._shell, "user_ns_hidden", ()))
        names = sorted(name for name in self._shell.user_ns if not name.startswith("_") and name not in hidden)
        return {
            "python": sys.executable,
            "environment": capture_environment(None),
            "names": names[:100_000],
        }

    def send(self, names: list[str]) -> dict[str, str]:
        """Variables of the kernel as artifacts."""
        from ..train.sending import send

        digests = {}
        for name in names:
            if name not in self._shell.user_ns:
                from ..cli.usage import unknown

                raise unknown("variable", name, [n for n in self._shell.user_ns if not n.startswith("_")])
            sent = send(self.platform.store, self._shell.user_ns[name], name, self.platform.paths.scratch)
            if sent.warning:
                self.say(sent.warning)
            digests[name] = sent.digest
        return digests

    def submitted(self, run: Run, values: argparse.Namespace) -> Any:
        """A live view at once where one can be had; else text until the run ends, so that the next cell works."""
        from .run_view import RunView

        if output := getattr(values, "output", None):
            self._bind_lazily(output, run, bool(getattr(values, "allow_unsafe", False)))
        view = RunView(run)
        if values.as_json:
            return view
        widget = None
        if not self._notebook.has_front_end:
            from ..widgets.run_card import card_for

            widget = card_for(self._shell, run.id)
        waits = values.wait if values.wait is not None else not (self._notebook.has_front_end or widget)
        if not waits:
            if widget is not None:
                widget.show(view)
                return None
            return view
        try:
            return RunView(follow(self.platform, run.id, self.say, with_end=False))
        except Interrupted:
            return None

    def _bind_lazily(self, name: str, run: Run, allow_unsafe: bool) -> None:
        from .lazy_model import LazyModel

        old = self._shell.user_ns.get(name)
        if old is not None and not isinstance(old, LazyModel):
            self.say(f"'{name}' was {type(old).__name__}; it becomes the model of run {run.id}.")
        model = LazyModel(name, run.id, run.name, self._shell.user_ns, allow_unsafe)
        self._shell.user_ns[name] = model
        self._extension.lazy[name] = model

    def loaded(self, ref: str, model: object, values: argparse.Namespace) -> Any:
        """``-o name`` binds the model; without it, it is the cell's value."""
        from ..cli.views import Note

        kind = f"{type(model).__module__.split('.')[0]} {type(model).__name__}"
        name = values.output
        if name:
            self._shell.user_ns[name] = model
            self._extension.lazy.pop(name, None)
            return Note(f"{name}: {ref}, {kind}")
        return Note(f"{ref} loads: {kind}. Put it into a variable: %dsp load {ref} -o model")


def _check_cell(parsed: Parsed, cell: str | None) -> None:
    if parsed.command is None or parsed.values is None:
        return
    parsed.values.command_words = parsed.command.words
    is_train = parsed.command.words == "train submit"
    if cell is not None and not is_train:
        raise UsageProblem(
            f"'{parsed.command.words}' takes no cell.", hint=f"Type it in one line: %dsp {parsed.command.words}"
        )
    if is_train and cell is None:
        raise UsageProblem(
            "There is no cell to train.",
            hint="Put it on the first line of the training cell, with two percent signs: %%dsp train --name NAME",
        )
    if is_train and not (cell or "").strip():
        raise UsageProblem("The cell is empty.", hint="Write the training code below the %%dsp line.")
