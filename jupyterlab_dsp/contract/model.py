"""Shapes of models: versions, aliases, and the untrained Spec."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from .base import (
    Alias,
    File,
    ListRequest,
    Name,
    PageOf,
    Request,
    Scalar,
    Shape,
    ShortText,
    Tags,
    Variable,
    VersionNumber,
)
from .notebook import CellId, CodeCell, DataUsed

VersionState = Literal["active", "trashed", "purged"]


class Model(Shape):
    """A model: a name with versions."""

    name: str
    description: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    aliases: dict[str, int] = Field(default_factory=dict)
    created_at: str = ""
    updated_at: str = ""
    latest_version: int | None = Field(default=None, description="Newest version that is not deleted.")
    version_count: int = Field(default=0, description="Versions ever made.")
    headline: str | None = Field(default=None, description="The metric that lists show.")
    latest: Version | None = Field(default=None, description="The newest version, for lists.")


class SpecRef(Shape):
    """The Spec that a version was trained from."""

    digest: str
    name: str | None = None
    version: int | None = None


class Version(Shape):
    """One version of a model, in a list."""

    model: str
    version: int
    state: VersionState = "active"
    created_at: str = ""
    created_by: str = ""
    format: str = ""
    size_bytes: int = 0
    metrics: dict[str, float | None] = Field(default_factory=dict)
    params: dict[str, Any] = Field(default_factory=dict)
    aliases: list[str] = Field(default_factory=list)
    tags: dict[str, str] = Field(default_factory=dict)
    description: str = ""
    message: str = ""
    run_id: str | None = None
    spec: SpecRef | None = None
    notebook: str = ""
    unsafe_reason: str | None = Field(default=None, description="Why loading runs code; null: it is safe.")
    trashed_at: str | None = None


class VersionDetail(Version):
    """One version, whole."""

    manifest_digest: str = ""
    files: list[File] = Field(default_factory=list)
    facts: dict[str, Any] = Field(default_factory=dict)
    signature: dict[str, Any] | None = None
    requirements: list[str] = Field(default_factory=list)
    environment_digest: str = ""
    data: list[DataUsed] = Field(default_factory=list)
    lineage: list[LineageStep] = Field(default_factory=list)
    load_code: str = Field(default="", description="Puts this version into a notebook.")


class LineageStep(Shape):
    """One link of the chain data, Spec, run, version."""

    noun: Literal["notebook", "cell", "data", "spec", "run", "version"]
    label: str
    ref: str = Field(description="Id of the thing, for a link.")


class ListModels(ListRequest):
    """Models, last changed first."""


class OneModel(Request):
    """Names a model."""

    model: Name


class ListVersions(ListRequest):
    """Versions of one model, newest first."""

    model: Name
    state: VersionState = Field(default="active", description="active, or what lies in the trash, or what was purged.")


class OneVersion(OneModel):
    """Names a version."""

    version: VersionNumber


class ResolveVersion(OneModel):
    """Finds a version by number, alias or 'latest'."""

    ref: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        default="latest", description="A number, an alias, or 'latest'."
    )


class DescribeModel(OneModel):
    """Change what people write on a model; a field left out stays."""

    description: ShortText | None = Field(default=None, description="What people read beside it.")
    tags: Tags | None = Field(default=None, description="Labels, all of them anew: name to value.")
    headline: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="The metric that lists show."
    )


class AnnotateVersion(OneVersion):
    """Change what people write on a version; a field left out stays."""

    description: ShortText | None = Field(default=None, description="What people read beside it.")
    tags: Tags | None = Field(default=None, description="Labels, all of them anew: name to value.")


class Promote(OneModel):
    """Point an alias at a version."""

    alias: Alias
    version: VersionNumber
    expect: VersionNumber | None = Field(
        default=None, description="Only if the alias points here now; null: whatever it points at."
    )


class DropAlias(OneModel):
    """Remove an alias; the version stays."""

    alias: Alias


class Purge(Request):
    """Free the bytes of versions in the trash."""

    model: Name | None = Field(default=None, description="Only this model. Empty: all.")
    versions: list[VersionNumber] | None = Field(default=None, max_length=10_000, description="Only these versions.")
    dry_run: bool = Field(default=False, description="Say what would be freed, free nothing.")


class Purged(Shape):
    """What a purge freed."""

    versions: int
    blobs: int
    freed_bytes: int = Field(description="Bytes freed on the storage; shared files are kept until nobody needs them.")
    dry_run: bool


class Fsck(Request):
    """Check that every version is whole."""

    model: Name | None = Field(default=None, description="Only this model. Empty: all.")
    read: bool = Field(default=True, description="Read and hash every file, not only look whether it is there.")


class FsckProblem(Shape):
    """One thing that is wrong."""

    kind: Literal["missing", "corrupt", "unreadable_manifest", "gap", "dangling_alias", "orphan"]
    where: str
    message: str


class FsckReport(Shape):
    """Result of a check. Orphans are no damage: the next purge frees them."""

    is_clean: bool
    models: int
    versions: int
    blobs: int
    size_bytes: int
    orphan_bytes: int = 0
    problems: list[FsckProblem]


class VersionFile(OneVersion):
    """One file of a version."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="Path of the file, as the version lists it."
    )


class ReadHistory(OneModel):
    """A metric over the versions."""

    metric: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="", description="Name of the metric. Empty: the model's headline."
    )
    limit: int = Field(default=500, ge=1, le=5000, description="Newest versions at most.")


class HistoryPoint(Shape):
    """One version's value."""

    version: int
    value: float | None
    created_at: str
    aliases: list[str] = Field(default_factory=list)


class History(Shape):
    """A metric over the versions, oldest first."""

    model: str
    metric: str
    metrics: list[str] = Field(description="All metrics that the versions have.")
    points: list[HistoryPoint]


class KernelState(Request):
    """What the kernel knows and the document does not."""

    python: Annotated[str, StringConstraints(max_length=4096)] = Field(
        default="", description="The kernel's interpreter; used by the proof."
    )
    environment: dict[str, Any] = Field(default_factory=dict, description="As captured in the kernel.")
    names: list[str] = Field(default_factory=list, max_length=100_000, description="Names that exist in the kernel.")


class PlanExport(Request):
    """What an export of this notebook would contain; nothing is written."""

    name: Name
    cells: list[CodeCell] = Field(max_length=10_000, description="Code cells of the notebook.")
    target: CellId | None = Field(
        default=None,
        description="Cell whose result is the model. Empty: the last one that builds or trains a model.",
    )
    keep: list[CellId] | None = Field(
        default=None,
        max_length=10_000,
        description="Exactly these cells, instead of what the data flow says.",
    )
    files: list[Annotated[str, StringConstraints(max_length=4096)]] | None = Field(
        default=None,
        max_length=1000,
        description="Local files to include. Empty: those that the code imports.",
    )
    notebook: Annotated[str, StringConstraints(max_length=4096)] = Field(
        default="", description="Path of the notebook."
    )
    folder: Annotated[str, StringConstraints(max_length=4096)] = Field(
        default="", description="The notebook's folder on this disk. Empty: the folder of its path."
    )
    params: dict[Variable, Scalar | list[Any] | dict[str, Any]] = Field(
        default_factory=dict, max_length=1000, description="New defaults of parameters."
    )
    kernel: KernelState | None = Field(default=None, description="What the kernel knows; null: only the document.")


class ExportSpec(PlanExport):
    """Export the untrained model to the versioned store."""

    message: ShortText = Field(default="", description="Why this version.")
    document: dict[str, Any] | None = Field(default=None, description="The notebook document, kept beside the code.")
    expect: int | None = Field(
        default=None, ge=0, description="Version that the plan was compared with; a newer one is a conflict."
    )


class PlannedCell(Shape):
    """A cell, and whether it is part."""

    id: str
    index: int
    included: bool
    reason: str
    title: str = Field(description="Its first telling line.")
    source: str = ""
    defines: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    execution_count: int | None = None


class Parameter(Shape):
    """A top-level literal that a run may replace."""

    name: str
    default: Any
    type: str
    cell_id: str
    line: int


class LocalFile(Shape):
    """A file beside the notebook that the code needs."""

    path: str
    kind: Literal["module", "data"]
    size_bytes: int
    used_by: str = Field(description="'imported by cell 4'")
    included: bool


class Change(Shape):
    """One change in words and in parts."""

    kind: Literal["added", "removed", "changed"]
    what: str
    before: Any = None
    after: Any = None
    text: str


class DiffLine(Shape):
    """One line of a code diff."""

    op: Literal["same", "added", "removed"]
    text: str


class CodeChange(Shape):
    """One cell's change."""

    cell: str
    kind: Literal["added", "removed", "changed"]
    lines: list[DiffLine]


class SemanticDiff(Shape):
    """What changed since the version before, by meaning."""

    base_version: int | None = Field(description="null: this is the first version.")
    is_empty: bool
    architecture: list[Change] = Field(default_factory=list)
    parameters: list[Change] = Field(default_factory=list)
    data: list[Change] = Field(default_factory=list)
    environment: list[Change] = Field(default_factory=list)
    files: list[Change] = Field(default_factory=list)
    code: list[CodeChange] = Field(default_factory=list)


class ExportPlan(Shape):
    """What the dialog shows before OK."""

    name: str
    next_version: int
    target: str
    cells: list[PlannedCell]
    parameters: list[Parameter]
    files: list[LocalFile]
    environment: dict[str, Any]
    problems: list[str] = Field(description="What stops the export, in words. Empty: it can be exported.")
    warnings: list[str] = Field(default_factory=list)
    diff: SemanticDiff
    digest: str
    module: str = Field(description="The code as it will be stored.")
    magic: str = Field(description="The same from a cell.")


class Spec(Shape):
    """One version of an untrained model, in a list."""

    name: str
    version: int
    digest: str
    commit: str
    created_at: str
    created_by: str
    message: str = ""
    notebook: str = ""
    cell_count: int = 0
    params: dict[str, Any] = Field(default_factory=dict)
    proof: Literal["none", "passed"] = "none"


class SpecDetail(Spec):
    """One version of an untrained model, whole."""

    module: str
    spec: dict[str, Any]
    files: list[File]
    diff: SemanticDiff


class ListSpecs(ListRequest):
    """Specs, newest first."""

    name: Name | None = Field(default=None, description="Only versions of this one.")


class OneSpec(Request):
    """Names a version of a Spec."""

    name: Name
    version: VersionNumber


ModelPage = PageOf[Model]
VersionPage = PageOf[Version]
SpecPage = PageOf[Spec]

Model.model_rebuild()
VersionDetail.model_rebuild()
