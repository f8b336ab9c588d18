"""``%load_ext jupyterlab_dsp``: registers the magic. It runs when a notebook starts, so it imports next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .notebook import Notebook
    from .typed import NotebookSession

#: one kernel has one shell; the last one loaded is the current one
_loaded: list[Extension] = []


class Extension:
    """What is registered in one shell."""

    def __init__(self, shell: Any) -> None:
        from .notebook import Notebook

        self.shell = shell
        self.notebook: Notebook = Notebook(shell)
        #: variable to the lazy model that stands under it
        self.lazy: dict[str, Any] = {}
        self._session: NotebookSession | None = None

    def register(self) -> None:
        """Idempotent with ``unregister``."""
        shell = self.shell
        shell.register_magic_function(self.magic, "line_cell", "dsp")
        shell.events.register("pre_run_cell", self.before_cell)
        shell.events.register("post_run_cell", self.after_cell)
        if manager := self._comm_manager():
            from .notebook import COMM_TARGET

            manager.register_target(COMM_TARGET, self.notebook.on_open)
        if (completer := getattr(shell, "Completer", None)) is not None:
            completer.custom_matchers.append(self.matches)

    def unregister(self) -> None:
        """For ``%reload_ext``: no event is told twice."""
        shell = self.shell
        shell.events.unregister("pre_run_cell", self.before_cell)
        shell.events.unregister("post_run_cell", self.after_cell)
        if (completer := getattr(shell, "Completer", None)) is not None:
            completer.custom_matchers.remove(self.matches)

    def _comm_manager(self) -> Any:
        return getattr(getattr(self.shell, "kernel", None), "comm_manager", None)

    # -- called by IPython --------------------------------------------------------------------------------------

    def magic(self, line: str, cell: str | None = None) -> Any:
        """The data science platform. `%dsp` lists what there is; `%dsp train ?` explains; `%%dsp train` trains."""
        return self.session.run(line, cell)

    def before_cell(self, info: Any) -> None:
        self.notebook.before_cell(info)
        if self.lazy:
            from .lazy_model import load_mentioned

            load_mentioned(self, info)

    def after_cell(self, result: Any) -> None:
        self.notebook.after_cell(result)
        if self.notebook.context:
            from ..api import notebook

            notebook.set(self.notebook.path())

    def matches(self, context: Any) -> Any:
        text = getattr(context, "full_text", "") or ""
        if "%dsp" not in text:
            return {"completions": []}
        from .completion import complete

        return complete(self, context)

    matches.matcher_api_version = 2  # type: ignore[attr-defined]

    @property
    def session(self) -> NotebookSession:
        """Made on the first magic."""
        if self._session is None:
            from .typed import NotebookSession

            self._session = NotebookSession(self)
        return self._session


def load(shell: Any) -> None:
    """Register ``%dsp`` and ``%%dsp`` in a shell."""
    for old in [extension for extension in _loaded if extension.shell is shell]:
        old.unregister()
        _loaded.remove(old)
    extension = Extension(shell)
    extension.register()
    _loaded.append(extension)


def current() -> Notebook | None:
    """The notebook of the shell that was loaded last."""
    return _loaded[-1].notebook if _loaded else None
