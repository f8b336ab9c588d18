"""The one metric of a model that lists show."""

from __future__ import annotations

from collections.abc import Mapping

#: what people look at first, in this order
_PREFERRED = (
    "val_accuracy", "test_accuracy", "accuracy", "val_auc", "auc", "val_f1", "f1", "val_r2", "r2",
    "val_mae", "mae", "val_rmse", "rmse", "val_loss", "loss",
)  # fmt: skip


def choose_headline(metrics: Mapping[str, float | None]) -> str | None:
    """The metric to show where nobody chose one; None where there is no metric."""
    for name in _PREFERRED:
        if name in metrics:
            return name
    for name in metrics:
        if name.startswith(("val_", "test_")) and not name.endswith("loss"):
            return name
    return next(iter(metrics), None)
