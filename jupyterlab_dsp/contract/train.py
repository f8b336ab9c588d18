"""Shapes of training: what is submitted, and what a run is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from .base import (
    Digest,
    File,
    ListRequest,
    Name,
    Offset,
    PageOf,
    Request,
    RunId,
    Scalar,
    Shape,
    ShortText,
    Tags,
    Variable,
)
from .model import DiffLine, ExportSpec, SpecRef
from .notebook import CellId, CodeCell, DataUsed

RunState = Literal["starting", "running", "succeeded", "failed", "stopped", "killed", "lost"]
FINAL_STATES: tuple[RunState, ...] = ("succeeded", "failed", "stopped", "killed", "lost")


class SubmitRun(Request):
    """Train: the target cell and the earlier cells that it needs, in a fresh process."""

    name: Name = Field(description="The model that this trains.")
    cells: list[CodeCell] = Field(default_factory=list, max_length=10_000, description="Code cells of the notebook.")
    target: CellId = Field(description="Id of the cell to train; cells after it are not looked at.")
    notebook: Annotated[str, StringConstraints(max_length=4096)] = Field(
        default="", description="Path of the notebook, for lineage and for imports of files beside it."
    )
    folder: Annotated[str, StringConstraints(max_length=4096)] = Field(
        default="", description="Working folder of the job. Empty: the notebook's folder."
    )
    params: dict[Variable, Scalar | list[Any] | dict[str, Any]] = Field(
        default_factory=dict, max_length=1000, description="Values for top-level assignments of the cells."
    )
    sent: dict[Variable, Digest] = Field(
        default_factory=dict,
        max_length=1000,
        description="Variables sent along: name to the digest of the artifact.",
    )
    model: Variable | None = Field(
        default=None,
        description="Variable that holds the trained model. Empty: the last one that was fitted.",
    )
    keep: bool = Field(default=True, description="Store the trained model as the next version of 'name'.")
    memory_limit_bytes: int | None = Field(
        default=None, ge=2**20, le=2**50, description="Resident memory at which the job is ended."
    )
    python: Annotated[str, StringConstraints(max_length=4096)] = Field(
        default="", description="Interpreter to run with. Empty: the one that answers."
    )
    tags: Tags = Field(default_factory=dict, description="Labels of the run and of the version that it stores.")
    message: ShortText = Field(default="", description="Why this run, in a few words.")
    retry_of: RunId | None = Field(default=None, description="The run that this repeats.")


class Progress(Shape):
    """How far a run is. Unknown is null."""

    epoch: int | None = Field(default=None, description="Epochs begun, from 1.")
    epochs: int | None = None
    step: int | None = Field(default=None, description="Steps done in this epoch.")
    steps: int | None = Field(default=None, description="Steps of an epoch.")
    left_s: float | None = Field(default=None, description="Estimated seconds until the end.")
    phase: str = Field(default="", description="What it does now, in words: 'loading data', 'storing the model'.")


class RunProblem(Shape):
    """Why a run did not succeed."""

    kind: str = Field(description="exception, exit, memory_limit, out_of_memory, signal, start, stop, lost, store")
    message: str = Field(description="One sentence.")
    hint: str | None = None
    traceback: str | None = Field(default=None, description="The user's own frames only, with cell and line.")
    cell_index: int | None = None
    cell_id: str | None = None
    line: int | None = None


class RunCell(Shape):
    """A cell that went into the run."""

    id: str
    index: int
    digest: str = Field(description="Digest of its text.")
    reason: str = Field(description="Why it is part: 'defines x_train'.")


class StoredVersion(Shape):
    """The version that a run stored."""

    model: str
    version: int


class RunRow(Shape):
    """A run in a list."""

    id: str
    name: str
    state: RunState
    is_final: bool
    created_at: str = Field(description="UTC, ISO 8601.")
    created_by: str
    started_at: str | None = None
    ended_at: str | None = None
    duration_s: float | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, float | None] = Field(default_factory=dict, description="The last value of each.")
    progress: Progress | None = None
    problem: RunProblem | None = None
    stored: StoredVersion | None = Field(default=None, description="The version that it stored.")
    exported: SpecRef | None = Field(default=None, description="The Spec that a proof exported.")
    tags: dict[str, str] = Field(default_factory=dict)
    message: str = ""
    notebook: str = ""
    purpose: Literal["train", "proof"] = "train"
    stopping: bool = Field(default=False, description="A stop was asked for and is under way.")


class Run(RunRow):
    """A run, whole."""

    cells: list[RunCell] = Field(default_factory=list)
    target: str = ""
    spec_digest: str = Field(default="", description="Digest of the Spec: code, parameters, data, environment.")
    retry_of: str | None = None
    engine: str = ""
    framework: str = ""
    compile: dict[str, Any] = Field(default_factory=dict, description="Optimizer, loss and fit settings.")
    summary: str = Field(default="", description="The model's summary.")
    signature: dict[str, Any] | None = None
    data: list[DataUsed] = Field(default_factory=list)
    environment: dict[str, Any] = Field(default_factory=dict, description="Python, platform and needed packages.")
    environment_digest: str = Field(default="", description="Artifact with the full lock.")
    hardware: dict[str, Any] = Field(default_factory=dict)
    memory_limit_bytes: int | None = None
    peak_memory_bytes: int | None = None
    cpu_time_s: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    artifacts: list[File] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)


class ListRuns(ListRequest):
    """Runs, newest first."""


RunPage = PageOf[RunRow]


class OneRun(Request):
    """Names a run."""

    run_id: RunId


class RetryRun(OneRun):
    """The same Spec again, with other parameters where given."""

    params: dict[Variable, Scalar | list[Any] | dict[str, Any]] = Field(
        default_factory=dict, max_length=1000, description="Other values for parameters of the Spec."
    )


class AnnotateRun(OneRun):
    """Change what people write on a run; a field left out stays."""

    tags: Tags | None = Field(default=None, description="Labels, all of them anew: name to value.")
    message: ShortText | None = Field(default=None, description="Why this run, in a few words.")


class ReadLog(OneRun):
    """Output of the run from a byte on."""

    after: Offset = Field(default=0, description="Byte to start at; give back 'next'.")
    limit: int = Field(default=256 * 1024, ge=1, le=4 * 2**20, description="Bytes at most.")
    tail: bool = Field(default=False, description="Start so that the last 'limit' bytes are returned.")


class LogChunk(Shape):
    """A piece of the output; whole lines where possible, undecodable bytes replaced."""

    text: str
    start: int
    next: int
    size: int
    is_final: bool = Field(description="Nothing more will come.")


class Series(Shape):
    """One curve."""

    name: str
    unit: Literal["epoch", "step"]
    x: list[float] = Field(description="Epoch (from 1) or global step.")
    y: list[float | None] = Field(description="null stands for a value that is not a number.")


class ReadCurves(OneRun):
    """All curves of a run."""

    points: int = Field(
        default=500, ge=10, le=10_000, description="Points of a curve at most; longer ones are thinned."
    )


class Curves(Shape):
    """Metrics over time."""

    run_id: str
    state: RunState
    series: list[Series]
    progress: Progress | None = None


class RunFile(OneRun):
    """One artifact of a run."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="Path of the artifact, as the run lists it."
    )


class RunSource(Shape):
    """The code that a run ran."""

    run_id: str
    module: str = Field(description="The cells as one Python module.")
    cells: list[dict[str, Any]] = Field(description="id, index and source of each cell.")


class Compare(Request):
    """2 to 10 things: versions ("digits@3", "digits@production") or runs (their ids)."""

    refs: list[Annotated[str, StringConstraints(min_length=1, max_length=250)]] = Field(
        min_length=2, max_length=10, description="What is compared; differences are to the first."
    )


class ComparedItem(Shape):
    """A column of the comparison."""

    ref: str
    label: str
    noun: Literal["version", "run"]
    run_id: str | None = None
    model: str | None = None
    version: int | None = None
    created_at: str = ""
    series: list[Series] = Field(default_factory=list)
    metrics: dict[str, float | None] = Field(default_factory=dict)
    params: dict[str, Any] = Field(default_factory=dict)
    size_bytes: int | None = None
    duration_s: float | None = None


class ComparedRow(Shape):
    """A field whose values differ (or all fields, equal ones marked)."""

    section: Literal["parameters", "metrics", "data", "environment", "model", "run", "tags"]
    field: str
    values: list[Any]
    differs: bool
    best: int | None = Field(default=None, description="Column with the best value, where better is known.")


class CodeDiff(Shape):
    """One cell that differs from the first thing compared."""

    ref: str = Field(description="The thing that is compared with the first.")
    cell: str
    change: Literal["added", "removed", "changed"]
    lines: list[DiffLine]


class Comparison(Shape):
    """What differs."""

    items: list[ComparedItem]
    rows: list[ComparedRow]
    equal_count: int = Field(description="Fields that are equal and not in 'rows' as differing.")
    code: list[CodeDiff]
    verdict: str = Field(description="One sentence.")


class Prove(ExportSpec):
    """Run the cells of an export in a fresh process; export them only if they run."""
