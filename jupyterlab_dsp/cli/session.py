"""What a command may use of the place where it was typed. This is the shell; the magics have their own."""

from __future__ import annotations

import argparse
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from .commands import Where
from .usage import UsageProblem

if TYPE_CHECKING:
    from ..contract.train import Run
    from ..platform import Platform
    from .documents import Cells


class Session:
    """A shell."""

    where: Where = "shell"

    def __init__(self, platform: Platform | None = None, out: TextIO | None = None) -> None:
        self._platform = platform
        self._out = out

    @cached_property
    def platform(self) -> Platform:
        """The platform that answers; made when it is first asked."""
        if self._platform is not None:
            return self._platform
        from ..api import platform

        return platform()

    def say(self, text: str) -> None:
        """One line for the user, at once."""
        print(text, file=self._out or sys.stdout, flush=True)

    def cells(self, values: argparse.Namespace) -> Cells:
        """The notebook that the command is about. Raises UsageProblem, NotFound, InvalidInput."""
        from .documents import read_notebook

        return read_notebook(values.notebook)

    def send(self, names: list[str]) -> dict[str, str]:
        """Variables as artifacts: name to digest."""
        if names:
            raise UsageProblem("--send needs a kernel that holds the variables.", hint="Use %%dsp train in a notebook.")
        return {}

    def submitted(self, run: Run, values: argparse.Namespace) -> Any:
        """What is answered when a run was started."""
        if not values.wait:
            if not values.as_json:
                self.say(f"Follow it: dsp train watch {run.id}")
            return run
        from .progress import follow

        return follow(self.platform, run.id, self.quiet if values.as_json else self.say)

    def loaded(self, ref: str, model: object, values: argparse.Namespace) -> Any:
        """What is answered when a version was loaded."""
        from .views import Note

        return Note(f"{ref} loads: {type(model).__module__}.{type(model).__qualname__}")

    def quiet(self, text: str) -> None:
        """Lines that a JSON answer must not be mixed with."""
        print(text, file=sys.stderr, flush=True)
