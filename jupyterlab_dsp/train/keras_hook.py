"""Keras logs itself: ``Model.fit`` reports to the run without a line of user code.

Nothing is imported here: the hook waits until the user's own code imports Keras. Whatever goes wrong in the
reporting is a warning on the run; it never reaches the user's ``fit``.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from ..model.keras_facts import signature_of
from .tracker import Tracker

#: arguments of ``fit`` that are worth a line on the run
_SETTINGS = (
    "epochs", "batch_size", "validation_split", "steps_per_epoch", "initial_epoch", "shuffle", "class_weight",
)  # fmt: skip


def install(tracker: Tracker) -> FittedModels:
    """Patch Keras now or as soon as it is imported; returns the list of models that were fitted."""
    fitted = FittedModels()
    if "keras" in sys.modules:
        _patch(sys.modules["keras"], tracker, fitted)
    else:
        sys.meta_path.insert(0, _AfterImport("keras", lambda module: _patch(module, tracker, fitted)))
    return fitted


class FittedModels:
    """Models in the order of their last ``fit``."""

    def __init__(self) -> None:
        self._models: list[Any] = []

    def add(self, model: Any) -> None:
        self._models = [other for other in self._models if other is not model] + [model]

    @property
    def last(self) -> Any | None:
        return self._models[-1] if self._models else None


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls ``then`` once the module has been imported by whoever wanted it."""

    def __init__(self, name: str, then: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._then = then
        self._searching = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name or getattr(self._searching, "here", False):
            return None
        self._searching.here = True  # keeps the search below from finding us again
        try:
            spec: importlib.machinery.ModuleSpec | None = importlib.util.find_spec(fullname)
        finally:
            self._searching.here = False
        if spec is None or spec.loader is None:
            return None
        # many only ask whether Keras is there: each answer is prepared, the one that is used ends the waiting
        run = spec.loader.exec_module

        @functools.wraps(run)
        def exec_module(module: ModuleType) -> None:
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            run(module)
            self._then(module)

        setattr(spec.loader, "exec_module", exec_module)  # noqa: B010  mypy forbids to assign a method
        return spec


def _patch(keras: Any, tracker: Tracker, fitted: FittedModels) -> None:
    import inspect  # Keras has imported it

    plain_fit = keras.Model.fit
    signature = inspect.signature(plain_fit)
    report_class = _report_class(keras, tracker)
    nesting = threading.local()

    @functools.wraps(plain_fit)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(nesting, "here", False):
            # a user's fit that calls super().fit, or a fit within a callback: one report is enough
            return plain_fit(self, *args, **kwargs)
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError:
            return plain_fit(self, *args, **kwargs)  # its own message is the right one
        nesting.here = True
        fitted.add(self)
        remove = None
        try:
            with _Quietly(tracker, "inputs"):
                _record_inputs(tracker, bound.arguments)
            with _Quietly(tracker, "fit"):
                remove = _add_report(keras, report_class(dict(bound.arguments)), bound.arguments, self)
            return plain_fit(*bound.args, **bound.kwargs)
        finally:
            nesting.here = False
            if remove:
                remove()

    keras.Model.fit = fit
    with _Quietly(tracker, "framework"):
        tracker.fact(framework=f"keras {keras.__version__} ({keras.backend.backend()})")


def _add_report(keras: Any, report: Any, arguments: dict[str, Any], model: Any) -> Callable[[], None] | None:
    """Put our callback beside the user's; returns what takes it away again from a list that is the user's own."""
    callbacks = arguments.get("callbacks")
    if isinstance(callbacks, keras.callbacks.CallbackList):
        # Keras takes it as it is, without telling its callbacks of model and parameters
        report.set_model(model)
        report.set_params(getattr(callbacks, "params", None) or {})
        callbacks.callbacks.append(report)
        return lambda: callbacks.callbacks.remove(report)
    # Keras takes one callback alone and nested ones, too
    given = callbacks if isinstance(callbacks, list | tuple) else [callbacks] if callbacks else []
    arguments["callbacks"] = [*given, report]
    return None


def _record_inputs(tracker: Tracker, arguments: dict[str, Any]) -> None:
    from .data_used import describe

    values = [("x", arguments.get("x")), ("y", arguments.get("y"))]
    validation = arguments.get("validation_data")
    if isinstance(validation, tuple | list):
        values += list(zip(("validation_x", "validation_y"), validation, strict=False))
    elif validation is not None:
        values.append(("validation", validation))
    for role, value in values:
        parts = value if isinstance(value, tuple | list) else value.values() if isinstance(value, dict) else [value]
        for part in parts:
            entry = describe(part, role, role)
            if entry:
                tracker.add_data(entry)


class _Quietly:
    """A fault in the block becomes a warning on the run."""

    def __init__(self, tracker: Tracker, what: str) -> None:
        self._tracker = tracker
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        text = str(error).splitlines()[0][:200] if str(error) else ""
        self._tracker.warn(f"Could not record {self._what} of the training: {type(error).__name__}: {text}")
        return True


def _report_class(keras: Any, tracker: Tracker) -> Any:
    described: dict[str, Any] = {}

    class Report(keras.callbacks.Callback):  # type: ignore[misc]
        """Tells the run what ``fit`` does."""

        # Keras may call the batch hooks from its own thread then, and need not wait for the device each step
        async_safe = True

        def __init__(self, settings: dict[str, Any]) -> None:
            super().__init__()
            self._settings = settings
            self._began = False

        def on_train_begin(self, logs: Any = None) -> None:
            with _Quietly(tracker, "progress"):
                params = self.params or {}
                tracker.begin_fit(int(params.get("epochs") or self._settings.get("epochs") or 1), params.get("steps"))

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            tracker.begin_epoch(epoch + 1)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if not self._began:  # the first batch: only now is the model surely built
                self._began = True
                self._facts()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            tracker.end_step(batch + 1, logs)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            with _Quietly(tracker, "metrics"):
                values = dict(logs or {})
                rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
                if rate is not None and "learning_rate" not in values:
                    values["learning_rate"] = _as_written(float(rate))
                tracker.end_epoch(epoch + 1, values)

        def on_train_end(self, logs: Any = None) -> None:
            self._facts()
            tracker.end_fit()

        def _facts(self) -> None:
            with _Quietly(tracker, "settings"):
                tracker.fact(compile=_compiled(self.model, self._settings))
            # a loop of fits has one summary; a subclassed model may be built in its first step, and has it at the end
            if described.get("model") is not self.model:
                with _Quietly(tracker, "summary"):
                    if summary := _summary(self.model):
                        described["model"] = self.model
                        tracker.fact(summary=summary, signature=signature_of(self.model))

    return Report


def _summary(model: Any) -> str:
    """The model's summary; "" while it is not built."""
    lines: list[str] = []
    if not getattr(model, "built", True):
        return ""
    model.summary(print_fn=lambda line, **_: lines.append(str(line)), line_length=100)
    return "\n".join(lines)


def _compiled(model: Any, settings: dict[str, Any]) -> dict[str, Any]:
    compiled: dict[str, Any] = {}
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        compiled["optimizer"] = {"class": type(optimizer).__name__}
        try:
            config = optimizer.get_config()
        except Exception:  # noqa: BLE001  of the user's own optimizer; its class is told at least
            config = {}
        compiled["optimizer"] |= {
            key: _as_written(value) for key, value in config.items() if isinstance(value, str | int | float)
        }
    loss = getattr(model, "loss", None)
    compiled["loss"] = getattr(loss, "name", None) or getattr(loss, "__name__", None) or (str(loss) if loss else None)
    compiled |= {name: settings[name] for name in _SETTINGS if settings.get(name) is not None}
    callbacks = settings.get("callbacks")
    if callbacks:
        given = callbacks if isinstance(callbacks, list | tuple) else getattr(callbacks, "callbacks", [callbacks])
        names = [type(callback).__name__ for callback in given]
        compiled["callbacks"] = [name for name in names if name not in ("Report", "History", "ProgbarLogger")]
    return compiled


def _as_written(value: Any) -> Any:
    """A float32 as people wrote it: 0.001, not 0.0010000000474974513."""
    return float(f"{value:.7g}") if isinstance(value, float) else value
