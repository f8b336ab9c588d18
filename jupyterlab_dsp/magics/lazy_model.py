"""``-o model``: the trained model under a name of the notebook, loaded when it is wanted, not before.

Under the name stands a ``LazyModel`` at first. A later cell that reads the name gets the real model in its place
before it runs, if the run has succeeded by then. If the run is still going, the first use waits for it and says so;
if it failed, the first use raises the reason.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from ..errors import DspError
from .errors import presentable

if TYPE_CHECKING:
    from .extension import Extension


class LazyModel:
    """Stands for the model of a run until it is used."""

    __slots__ = ("__weakref__", "_dsp")

    def __init__(
        self, name: str, run_id: str, run_name: str, namespace: MutableMapping[str, Any], allow_unsafe: bool = False
    ) -> None:
        object.__setattr__(self, "_dsp", _Pending(self, name, run_id, run_name, namespace, allow_unsafe))

    def __getattr__(self, name: str) -> Any:
        # IPython asks for _repr_html_, _ipython_display_ and the like, copy and pickle for __deepcopy__ ...
        # and nothing is loaded for that
        if name.startswith(("_repr_", "_ipython_", "__")) or name == "_dsp":
            raise AttributeError(name)
        return getattr(self._dsp.load(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._dsp.load(), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._dsp.load()(*args, **kwargs)

    def __len__(self) -> int:
        return len(self._dsp.load())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._dsp.load())

    def __getitem__(self, key: Any) -> Any:
        return self._dsp.load()[key]

    def __contains__(self, item: Any) -> bool:
        return item in self._dsp.load()

    def __bool__(self) -> bool:
        return True

    def __dir__(self) -> list[str]:
        # Tab must not wait for a run
        return dir(self._dsp.model) if self._dsp.is_loaded else []

    def __repr__(self) -> str:
        return str(self._dsp.describe())


class _Pending:
    """What a LazyModel knows; apart from it, so that its own names do not hide those of the model."""

    def __init__(
        self,
        proxy: LazyModel,
        name: str,
        run_id: str,
        run_name: str,
        namespace: MutableMapping[str, Any],
        allow_unsafe: bool,
    ) -> None:
        self.proxy = proxy
        self.name = name
        self.run_id = run_id
        self.run_name = run_name
        self.namespace = namespace
        self.allow_unsafe = allow_unsafe
        self.is_loaded = False
        self.model: Any = None

    def run(self) -> Any:
        from ..api import platform

        return platform().call("train.show", {"run_id": self.run_id})

    def load(self) -> Any:
        """The model, waited for where the run is still going. Raises the run's reason, UnsafeFormat, ..."""
        if not self.is_loaded:
            from .run_view import load_model

            try:
                run = self.run()
                if not run.is_final:
                    run = self._wait()
                self.model = load_model(run, self.allow_unsafe)
            except DspError as error:
                raise presentable(error) from None
            self.is_loaded = True
        if self.namespace.get(self.name) is self.proxy:
            self.namespace[self.name] = self.model
        return self.model

    def _wait(self) -> Any:
        from ..api import platform
        from ..cli.progress import follow

        print(f"'{self.name}' is wanted: waiting for run {self.run_id}. Interrupt to stop waiting; the run goes on.")
        return follow(platform(), self.run_id, print)

    def describe(self) -> str:
        if self.is_loaded:
            return repr(self.model)
        try:
            run = self.run()
        except DspError:
            return f"<model of run {self.run_id} ({self.run_name}), which is gone>"
        from .run_view import line

        what = "loaded on first use" if run.state == "succeeded" else "not there" if run.is_final else "not ready"
        return f"<model, {what}: {line(run)}>"


def load_mentioned(extension: Extension, info: Any) -> None:
    """Before a cell runs: put real models in the place of lazy ones that it reads and whose runs have succeeded."""
    for name, lazy in list(extension.lazy.items()):
        if extension.shell.user_ns.get(name) is not lazy:
            del extension.lazy[name]  # replaced, deleted, or loaded by itself
    text = info.raw_cell or ""
    if not any(name in text for name in extension.lazy):
        return
    read = _names_read(getattr(info, "transformed_cell", None) or text)
    for name in [name for name in extension.lazy if name in read]:
        pending = extension.lazy[name]._dsp
        # whatever is wrong is said by the first real use, with the cell around it
        with contextlib.suppress(DspError):
            if pending.run().state == "succeeded":
                pending.load()
                extension.lazy.pop(name, None)


def _names_read(source: str) -> set[str]:
    """Names that the cell reads somewhere. One that it only sets is not worth loading a model for."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
