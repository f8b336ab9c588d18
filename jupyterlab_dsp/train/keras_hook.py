"""Keras logs itself: ``Model.fit`` reports to the run without a line of user code.

Nothing is imported here: the hook waits until the user's own code imports Keras.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from .data_used import describe
from .tracker import Tracker


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

    def __init__(self, name: str, then: Any) -> None:
        self._name = name
        self._then = then

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)  # once; also keeps the search below from finding us again
        spec: importlib.machinery.ModuleSpec | None = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module
        then = self._then

        @functools.wraps(run)
        def exec_module(module: ModuleType) -> None:
            run(module)
            then(module)

        setattr(spec.loader, "exec_module", exec_module)  # noqa: B010  mypy forbids to assign a method
        return spec


def _patch(keras: Any, tracker: Tracker, fitted: FittedModels) -> None:
    plain_fit = keras.Model.fit
    callback_class = _callback_class(keras, tracker)
    inside = False

    @functools.wraps(plain_fit)
    def fit(self: Any, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        nonlocal inside
        if inside:  # a user's fit that calls super().fit, or a fit within a callback: one report is enough
            return plain_fit(self, x, y, *args, **kwargs)
        inside = True
        try:
            fitted.add(self)
            _record_inputs(tracker, x, y, kwargs)
            callbacks = kwargs.get("callbacks")
            ours = callback_class(kwargs)
            if callbacks is None:
                kwargs["callbacks"] = [ours]
            elif isinstance(callbacks, list | tuple):
                kwargs["callbacks"] = [*callbacks, ours]
            else:
                # a CallbackList, or one callback alone, which Keras accepts too
                if hasattr(callbacks, "append"):
                    callbacks.append(ours)
                else:
                    kwargs["callbacks"] = [callbacks, ours]
            return plain_fit(self, x, y, *args, **kwargs)
        finally:
            inside = False

    keras.Model.fit = fit
    tracker.fact(framework=f"keras {keras.__version__} ({keras.backend.backend()})")


def _record_inputs(tracker: Tracker, x: Any, y: Any, kwargs: dict[str, Any]) -> None:
    values = [("x", x), ("y", y)]
    validation = kwargs.get("validation_data")
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


def _callback_class(keras: Any, tracker: Tracker) -> Any:
    class Report(keras.callbacks.Callback):  # type: ignore[misc]
        """Tells the run what ``fit`` does."""

        # Keras may call the batch hooks from its own thread then, and need not wait for the device each step
        async_safe = True

        def __init__(self, settings: dict[str, Any]) -> None:
            super().__init__()
            self._settings = settings

        def on_train_begin(self, logs: Any = None) -> None:
            tracker.begin_fit(int(self.params.get("epochs") or 1), self.params.get("steps"))

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            tracker.begin_epoch(epoch + 1)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            # the first batch: only now is the model surely built
            if "summary" not in tracker.facts:
                tracker.fact(**_model_facts(self.model, self._settings))

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            tracker.end_step(batch + 1, logs)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            values = dict(logs or {})
            rate = getattr(self.model.optimizer, "learning_rate", None)
            if rate is not None and "learning_rate" not in values:
                values["learning_rate"] = _plain(float(rate))
            tracker.end_epoch(epoch + 1, values)

        def on_train_end(self, logs: Any = None) -> None:
            tracker.fact(**_model_facts(self.model, self._settings))
            tracker.end_fit()

    return Report


def _model_facts(model: Any, settings: dict[str, Any]) -> dict[str, Any]:
    lines: list[str] = []
    facts: dict[str, Any] = {}
    try:
        model.summary(print_fn=lambda line, **_: lines.append(str(line)), line_length=100)
        facts["summary"] = "\n".join(lines)
    except ValueError:
        return facts  # not built yet
    optimizer = getattr(model, "optimizer", None)
    compiled: dict[str, Any] = {}
    if optimizer is not None:
        config = {
            key: _plain(value) for key, value in optimizer.get_config().items() if isinstance(value, str | int | float)
        }
        compiled["optimizer"] = {"class": type(optimizer).__name__, **config}
    loss = getattr(model, "loss", None)
    compiled["loss"] = getattr(loss, "name", None) or getattr(loss, "__name__", None) or (str(loss) if loss else None)
    for name in (
        "epochs",
        "batch_size",
        "validation_split",
        "steps_per_epoch",
        "initial_epoch",
        "shuffle",
        "class_weight",
    ):
        if settings.get(name) is not None:
            compiled[name] = settings[name]
    callbacks = settings.get("callbacks")
    if isinstance(callbacks, list | tuple):
        compiled["callbacks"] = [
            type(callback).__name__ for callback in callbacks if type(callback).__name__ != "Report"
        ]
    facts["compile"] = compiled
    return facts


def _plain(value: Any) -> Any:
    """A float32 as people wrote it: 0.001, not 0.0010000000474974513."""
    return float(f"{value:.7g}") if isinstance(value, float) else value
