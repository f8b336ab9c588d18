"""Which object of a finished job is the model, and how it becomes the next version."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInput
from ..model.formats import format_of_live_model
from .current import CurrentRun


def keep_model(job: dict[str, Any], names: dict[str, Any], fitted: Any, run: CurrentRun) -> dict[str, Any] | None:
    """Store the model as the next version of ``job["name"]``; None where there is none and none was asked for.

    Raises InvalidInput where the variable that was asked for does not exist, and what the format raises.
    """
    model = _find(job, names, fitted, run)
    if model is None:
        run.tracker.warn("No model was found to store. Name its variable with --model.")
        return None
    run.tracker.phase("storing the model")
    facts = run.tracker.facts
    version = run.platform.model.save_object(
        model,
        job["name"],
        metrics=dict(run.tracker.metrics),
        params=job.get("params") or {},
        run_id=run.run_id,
        spec=job.get("spec"),
        data=run.tracker.data,
        tags=job.get("tags") or {},
        message=job.get("message") or "",
        notebook=job.get("notebook") or "",
        environment_digest=facts.get("environment_digest", ""),
    )
    return {"model": version.model, "version": version.version}


def _find(job: dict[str, Any], names: dict[str, Any], fitted: Any, run: CurrentRun) -> Any | None:
    wanted = job.get("model")
    if wanted and wanted in names:
        return names[wanted]
    if wanted:
        if fitted is None:
            raise InvalidInput(
                f"There is no variable '{wanted}' after the cells ran.",
                hint=f"Assign the model to '{wanted}', or name another variable with --model.",
                field="model",
            )
        run.tracker.warn(f"There is no variable '{wanted}'; the last model that was fitted is stored.")
    if fitted is not None:
        return fitted
    # the variable that the target cell assigned last, of a kind that a safe format knows
    for name in reversed(list(names)):
        if not name.startswith("_") and format_of_live_model(names[name]):
            return names[name]
    return None
