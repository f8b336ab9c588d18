"""The table of operations: handlers, CLI, magics, OpenAPI, TypeScript and reference are derived from it.

An operation ``area.verb`` is served by the method ``verb`` of the service ``area``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from . import base, model, system, train

Permission = Literal["read", "write", "execute"]


@dataclass(frozen=True, slots=True)
class Cli:
    """How the operation is typed: ``dsp <area> <verb> POSITIONAL --options``.

    positional: request fields given by place.   short: option letters.   hidden: not offered on the command line.
    columns: what a text table shows of a list.   default: the area's verb when none is typed.
    """

    positional: tuple[str, ...] = ()
    short: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    default: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table. ``cli=None`` keeps it off the command line."""

    id: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    request: type[base.Request]
    response: type[BaseModel]
    permission: Permission
    summary: str
    cli: Cli | None = None
    status: int = 200

    @property
    def area(self) -> str:
        return self.id.split(".")[0]

    @property
    def verb(self) -> str:
        return self.id.split(".")[1]

    @property
    def method_name(self) -> str:
        """Name of the service method."""
        return self.verb.replace("-", "_")

    @property
    def is_binary(self) -> bool:
        return self.response is base.Binary


_RUN = "/train/runs/{run_id}"
_MODEL = "/model/models/{model}"
_VERSION = _MODEL + "/versions/{version}"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "system.info", "GET", "/system/info", system.ShowInfo, system.Info, "read",
        "Version, user, home and the plug-ins in use.", Cli(default=True),
    ),
    Operation(
        "train.submit", "POST", "/train/runs", train.SubmitRun, train.Run, "execute",
        "Train a cell and the earlier cells that it needs, in a fresh process.",
        None, 201,
    ),
    Operation(
        "train.list", "GET", "/train/runs", train.ListRuns, train.RunPage, "read",
        "List runs, newest first.", Cli(columns=("id", "name", "state", "metrics", "params", "created_at")),
    ),
    Operation(
        "train.show", "GET", _RUN, train.OneRun, train.Run, "read",
        "One run, whole.", Cli(positional=("run_id",)),
    ),
    Operation(
        "train.annotate", "PATCH", _RUN, train.AnnotateRun, train.Run, "write",
        "Change a run's message and tags.", Cli(positional=("run_id",)),
    ),
    Operation(
        "train.stop", "POST", _RUN + "/stop", train.OneRun, train.Run, "execute",
        "Stop a run and every process that it started.", Cli(positional=("run_id",)),
    ),
    Operation(
        "train.retry", "POST", _RUN + "/retry", train.RetryRun, train.Run, "execute",
        "Run the same Spec again, with other parameters where given.",
        Cli(positional=("run_id",), short={"params": "-p"}), 201,
    ),
    Operation(
        "train.delete", "DELETE", _RUN, train.OneRun, base.Done, "write",
        "Delete a run that has ended; the version that it stored stays.", Cli(positional=("run_id",)),
    ),
    Operation(
        "train.curves", "GET", _RUN + "/curves", train.ReadCurves, train.Curves, "read",
        "Metrics of a run over epochs and steps.", None,
    ),
    Operation(
        "train.log", "GET", _RUN + "/log", train.ReadLog, train.LogChunk, "read",
        "Output of a run.", Cli(positional=("run_id",)),
    ),
    Operation(
        "train.source", "GET", _RUN + "/source", train.OneRun, train.RunSource, "read",
        "The code that a run ran.", Cli(positional=("run_id",)),
    ),
    Operation(
        "train.file", "GET", _RUN + "/file", train.RunFile, base.Binary, "read",
        "Download one artifact of a run.", None,
    ),
    Operation(
        "train.compare", "POST", "/train/compare", train.Compare, train.Comparison, "read",
        "What differs between 2 to 10 versions or runs.", Cli(positional=("refs",)),
    ),
    Operation(
        "train.prove", "POST", "/train/proofs", train.Prove, train.Run, "execute",
        "Run the cells of an export in a fresh process, and export them if they run.", None, 201,
    ),
    Operation(
        "model.list", "GET", "/model/models", model.ListModels, model.ModelPage, "read",
        "List models.", Cli(columns=("name", "latest_version", "aliases", "updated_at"), default=True),
    ),
    Operation(
        "model.show", "GET", _MODEL, model.OneModel, model.Model, "read",
        "One model.", Cli(positional=("model",)),
    ),
    Operation(
        "model.describe", "PATCH", _MODEL, model.DescribeModel, model.Model, "write",
        "Change a model's description, tags and headline metric.", Cli(positional=("model",)),
    ),
    Operation(
        "model.versions", "GET", _MODEL + "/versions", model.ListVersions, model.VersionPage, "read",
        "List versions of a model, newest first.",
        Cli(positional=("model",), columns=("version", "aliases", "metrics", "params", "size_bytes", "created_at")),
    ),
    Operation(
        "model.resolve", "GET", _MODEL + "/resolve", model.ResolveVersion, model.VersionDetail, "read",
        "Find a version by number, alias or 'latest'.", None,
    ),
    Operation(
        "model.version", "GET", _VERSION, model.OneVersion, model.VersionDetail, "read",
        "One version, whole.", Cli(positional=("model", "version")),
    ),
    Operation(
        "model.annotate", "PATCH", _VERSION, model.AnnotateVersion, model.VersionDetail, "write",
        "Change a version's description and tags.", Cli(positional=("model", "version")),
    ),
    Operation(
        "model.promote", "PUT", _MODEL + "/aliases/{alias}", model.Promote, model.Model, "write",
        "Point an alias at a version.", Cli(positional=("model", "version", "alias")),
    ),
    Operation(
        "model.unalias", "DELETE", _MODEL + "/aliases/{alias}", model.DropAlias, model.Model, "write",
        "Remove an alias.", Cli(positional=("model", "alias")),
    ),
    Operation(
        "model.delete", "DELETE", _VERSION, model.OneVersion, model.Version, "write",
        "Move a version to the trash.", Cli(positional=("model", "version")),
    ),
    Operation(
        "model.restore", "POST", _VERSION + "/restore", model.OneVersion, model.Version, "write",
        "Take a version out of the trash.", Cli(positional=("model", "version")),
    ),
    Operation(
        "model.purge", "POST", "/model/purge", model.Purge, model.Purged, "write",
        "Free the bytes of versions in the trash, and of what killed writers left.", Cli(positional=("model",)),
    ),
    Operation(
        "model.fsck", "POST", "/model/fsck", model.Fsck, model.FsckReport, "read",
        "Check that every version is whole.", Cli(positional=("model",)),
    ),
    Operation(
        "model.history", "GET", _MODEL + "/history", model.ReadHistory, model.History, "read",
        "A metric over the versions.", Cli(positional=("model", "metric")),
    ),
    Operation(
        "model.file", "GET", _VERSION + "/file", model.VersionFile, base.Binary, "read",
        "Download one file of a version.", None,
    ),
    Operation(
        "model.download", "GET", _VERSION + "/download", model.OneVersion, base.Binary, "read",
        "Download a version as one zip file.", None,
    ),
    Operation(
        "model.plan-export", "POST", "/model/specs/plan", model.PlanExport, model.ExportPlan, "read",
        "What an export of the untrained model would contain, and what changed since the version before.", None,
    ),
    Operation(
        "model.export", "POST", "/model/specs", model.ExportSpec, model.Spec, "execute",
        "Export the untrained model to the versioned store.", None, 201,
    ),
    Operation(
        "model.specs", "GET", "/model/specs", model.ListSpecs, model.SpecPage, "read",
        "List exported Specs, newest first.",
        Cli(positional=("name",), columns=("name", "version", "message", "params", "created_at")),
    ),
    Operation(
        "model.spec", "GET", "/model/specs/{name}/versions/{version}", model.OneSpec, model.SpecDetail, "read",
        "One exported Spec, whole.", Cli(positional=("name", "version")),
    ),
)  # fmt: skip

BY_ID: dict[str, Operation] = {operation.id: operation for operation in OPERATIONS}
AREAS: tuple[str, ...] = tuple(dict.fromkeys(operation.area for operation in OPERATIONS))

#: Short forms of what people type daily.
SHORT_FORMS: dict[str, tuple[str, str]] = {
    "export": ("model", "export"),
    "load": ("model", "load"),
    "compare": ("train", "compare"),
}


def describe_input(operation: Operation) -> dict[str, Any]:
    """JSON schema of the request."""
    return operation.request.model_json_schema()
