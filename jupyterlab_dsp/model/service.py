"""Use cases of the area ``model``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..contract.model import (
    AnnotateVersion,
    DescribeModel,
    DropAlias,
    ExportPlan,
    ExportSpec,
    Fsck,
    FsckReport,
    History,
    ListModels,
    ListSpecs,
    ListVersions,
    Model,
    ModelPage,
    OneModel,
    OneSpec,
    OneVersion,
    PlanExport,
    Promote,
    Purge,
    Purged,
    ReadHistory,
    ResolveVersion,
    Spec,
    SpecDetail,
    SpecPage,
    SpecRef,
    Version,
    VersionDetail,
    VersionFile,
    VersionPage,
)
from ..contract.notebook import DataUsed
from ..errors import InvalidInput
from ..paths import Paths
from ..records import Json, Record, Records
from ..settings import Settings
from ..system import Download
from .aliases import Aliases
from .catalog import Catalog, demand_active, to_version
from .detail import detail, load_code
from .documents import change, now
from .download import open_file, zip_version
from .formats import get_format
from .fsck import Checker
from .history import read_history
from .listing import list_models, list_versions
from .manifest import read_manifest
from .objects import load_object, save_object
from .plugin import Saved, Store
from .purge import purge
from .refs import check_name, parse_ref
from .writing import VersionWriter

if TYPE_CHECKING:
    from .specs import SpecService


class ModelService:
    """Models, their versions, and the exported Specs. Stateless: safe from any thread and process."""

    def __init__(self, records: Records, store: Store, paths: Paths, settings: Settings, user: str) -> None:
        self._records = records
        self._store = store
        self._paths = paths
        self._settings = settings
        self._user = user
        self._catalog = Catalog(records)
        self._aliases = Aliases(self._catalog)
        self._writer = VersionWriter(self._catalog, store, user)

    # -- models ---------------------------------------------------------------------------------------------------

    def list(self, request: ListModels) -> ModelPage:
        """Models, last changed first. Raises InvalidInput for a wrong filter, sort or cursor."""
        return list_models(self._catalog, request)

    def show(self, request: OneModel) -> Model:
        """One model. Raises NotFound."""
        return self._catalog.to_model(self._catalog.model(request.model))

    def describe(self, request: DescribeModel) -> Model:
        """Change description, tags or headline; what is None stays. Raises NotFound."""
        return self._catalog.to_model(
            self._annotate(lambda: self._catalog.model(request.model), request, ("description", "tags", "headline"))
        )

    def history(self, request: ReadHistory) -> History:
        """A metric over the versions, oldest first. Raises NotFound."""
        return read_history(self._catalog, request)

    # -- versions -------------------------------------------------------------------------------------------------

    def versions(self, request: ListVersions) -> VersionPage:
        """Versions of a model, newest first. Raises NotFound, InvalidInput for a wrong filter, sort or cursor."""
        return list_versions(self._catalog, request)

    def resolve(self, request: ResolveVersion) -> VersionDetail:
        """The version that a number, an alias or "latest" names. Raises NotFound, Conflict where it is deleted."""
        return self._detail(self._catalog.resolve(request.model, request.ref))

    def version(self, request: OneVersion) -> VersionDetail:
        """One version, whole, deleted ones too. Raises NotFound, Corrupt."""
        return self._detail(self._catalog.version(request.model, request.version))

    def annotate(self, request: AnnotateVersion) -> VersionDetail:
        """Change description or tags; what is None stays. Raises NotFound."""

        def read() -> Record:
            return self._catalog.version(request.model, request.version)

        return self._detail(self._annotate(read, request, ("description", "tags")))

    def promote(self, request: Promote) -> Model:
        """Point an alias at a version. Raises NotFound, Conflict."""
        return self._catalog.to_model(self._aliases.promote(request))

    def unalias(self, request: DropAlias) -> Model:
        """Remove an alias. Raises NotFound."""
        return self._catalog.to_model(self._aliases.drop(request))

    def delete(self, request: OneVersion) -> Version:
        """Move a version to the trash. Raises NotFound, Conflict where an alias points at it."""
        return self._row(self._aliases.delete(request))

    def restore(self, request: OneVersion) -> Version:
        """Take a version out of the trash. Raises NotFound, Conflict where it was purged."""
        return self._row(self._aliases.restore(request))

    def purge(self, request: Purge) -> Purged:
        """Free the bytes of versions in the trash and of what killed writers left. Raises NotFound, Conflict."""
        return purge(self._records, self._store, self._paths, request)

    def fsck(self, request: Fsck) -> FsckReport:
        """Check that every version is whole. Raises NotFound; damage is in the report."""
        return Checker(self._records, self._store, self._paths, read=request.read).run(request)

    def file(self, request: VersionFile) -> Download:
        """One file of a version. Raises NotFound, Conflict where it was purged, InvalidInput for a bad path."""
        record, content = self._content(request)
        return open_file(self._store, record, content, request.path)

    def download(self, request: OneVersion) -> Download:
        """All files and the code that loads them, as a zip. Raises NotFound, Conflict, Corrupt."""
        record, content = self._content(request)
        return zip_version(self._store, record, content, self._foreign_code(record, content), self._paths.scratch)

    # -- for Python callers ---------------------------------------------------------------------------------------

    def add_version(
        self,
        model: str,
        saved: Saved,
        *,
        format: str,
        metrics: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        spec: SpecRef | Mapping[str, Any] | None = None,
        data: Sequence[DataUsed | Mapping[str, Any]] = (),
        tags: Mapping[str, str] | None = None,
        message: str = "",
        notebook: str = "",
        requirements: Sequence[str] = (),
        environment_digest: str = "",
    ) -> Version:
        """Store files as the next version of ``model``, which is made where there is none. Raises InvalidInput.

        When this returns, the version is durable; a killed call leaves none, or a whole one.
        """
        return self._writer.add(
            check_name(model),
            saved,
            format=format,
            metrics=metrics,
            params=params,
            run_id=run_id,
            spec=None if spec is None else SpecRef.model_validate(spec),
            data=[DataUsed.model_validate(each) for each in data],
            tags=tags,
            message=message,
            notebook=notebook,
            requirements=requirements,
            environment_digest=environment_digest,
        )

    def save_object(
        self,
        obj: object,
        model: str,
        *,
        format: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        spec: SpecRef | Mapping[str, Any] | None = None,
        data: Sequence[DataUsed | Mapping[str, Any]] = (),
        tags: Mapping[str, str] | None = None,
        message: str = "",
        notebook: str = "",
        requirements: Sequence[str] | None = None,
        environment_digest: str = "",
    ) -> Version:
        """Store a live model as the next version. Raises InvalidInput (with what to do), ExtraMissing.

        format: None asks the formats, the pickle format last.
        requirements: None reads them from the modules that are loaded.
        """
        return save_object(
            self._writer,
            self._paths,
            obj,
            check_name(model),
            format=format,
            metrics=metrics,
            params=params,
            run_id=run_id,
            spec=None if spec is None else SpecRef.model_validate(spec),
            data=[DataUsed.model_validate(each) for each in data],
            tags=tags,
            message=message,
            notebook=notebook,
            requirements=requirements,
            environment_digest=environment_digest,
        )

    def copy_version(
        self,
        ref: str,
        model: str | None = None,
        *,
        metrics: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        message: str = "",
    ) -> Version:
        """A new version with the files of ``ref`` and other metadata; no weights are read or written.

        What is None is taken over. model: None adds to the same model. Raises NotFound, Conflict, InvalidInput.
        """
        source = self._catalog.resolve(*parse_ref(ref))
        target = source.scope if model is None else check_name(model)
        return self._writer.copy(source, target, metrics=metrics, params=params, tags=tags, message=message)

    def load_object(self, ref: str, allow_unsafe: bool = False) -> object:
        """The live object of "digits", "digits@3", "digits@v3" or "digits@production".

        Raises NotFound, Conflict where it is deleted, UnsafeFormat, ExtraMissing, Corrupt.
        """
        record = self._catalog.resolve(*parse_ref(ref))
        content = read_manifest(self._store, record.doc["_manifest"])
        return load_object(self._store, self._paths, record, content, allow_unsafe=allow_unsafe)

    # -- Specs ----------------------------------------------------------------------------------------------------

    @cached_property
    def _specs(self) -> SpecService:
        from .specs import SpecService

        return SpecService(self._records, self._store, self._paths, self._settings, self._user)

    def plan_export(self, request: PlanExport) -> ExportPlan:
        """What an export would contain, and what changed since the version before."""
        return self._specs.plan_export(request)

    def export(self, request: ExportSpec, *, proof: bool = False) -> Spec:
        """Export the untrained model. ``proof``: its cells have just run in a fresh process."""
        return self._specs.export(request, proof=proof)

    def specs(self, request: ListSpecs) -> SpecPage:
        """Exported Specs, newest first."""
        return self._specs.specs(request)

    def spec(self, request: OneSpec) -> SpecDetail:
        """One exported Spec, whole. Raises NotFound."""
        return self._specs.spec(request)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _detail(self, record: Record) -> VersionDetail:
        return detail(self._catalog, self._store, record)

    def _row(self, record: Record) -> Version:
        return to_version(record.doc, self._catalog.model(record.scope).doc.get("aliases") or {})

    def _content(self, request: OneVersion) -> tuple[Record, dict[str, Any]]:
        """Record and manifest of a version whose files are there: active, or in the trash."""
        record = self._catalog.version(request.model, request.version)
        if record.doc["state"] == "purged":
            demand_active(record)
        return record, read_manifest(self._store, record.doc["_manifest"])

    def _foreign_code(self, record: Record, content: dict[str, Any]) -> str:
        head = f'"""Loads {record.scope} v{int(record.key)}. Run it in this folder."""\n\n'
        try:
            return head + get_format(str(content["format"])).code('"model"')
        except InvalidInput:  # its plug-in is not installed here; the platform that has it can still load it
            return head + load_code(record.scope, int(record.key), content.get("unsafe_reason"))

    def _annotate(self, read: Any, request: DescribeModel | AnnotateVersion, names: tuple[str, ...]) -> Record:
        changes = {name: value for name in names if (value := getattr(request, name)) is not None}
        if not changes:
            return read()  # type: ignore[no-any-return]

        def edit(doc: Json) -> Json | None:
            new = {**doc, **changes}
            if new == doc:
                return None
            return {**new, "updated_at": now()} if isinstance(request, DescribeModel) else new

        return change(self._records, read, edit)
