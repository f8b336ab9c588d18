"""A version, whole: its record, its manifest, and the chain that it came from."""

from __future__ import annotations

from typing import Any

from ..contract.model import LineageStep, SpecRef, VersionDetail
from ..contract.notebook import DataUsed
from ..records import Record, Records
from .catalog import Catalog, to_version
from .manifest import files_of, read_manifest
from .plugin import Store


def detail(catalog: Catalog, store: Store, record: Record) -> VersionDetail:
    """Raises Corrupt where the manifest cannot be read. A purged version has its record, but no files."""
    aliases = catalog.model(record.scope).doc.get("aliases") or {}
    row = to_version(record.doc, aliases)
    content: dict[str, Any] = {}
    if row.state != "purged":
        content = read_manifest(store, record.doc["_manifest"])
    data = [DataUsed.model_validate(each) for each in content.get("data") or []]
    return VersionDetail(
        **row.model_dump(),
        manifest_digest=record.doc["_manifest"],
        files=files_of(content) if content else [],
        facts=content.get("facts") or {},
        signature=content.get("signature"),
        requirements=content.get("requirements") or [],
        environment_digest=content.get("environment_digest") or "",
        data=data,
        lineage=_lineage(catalog.records, row.model, row.version, row.notebook, row.run_id, row.spec, data),
        load_code=load_code(row.model, row.version, row.unsafe_reason) if content else "",
    )


def load_code(model: str, version: int, unsafe_reason: str | None) -> str:
    """What to paste into a notebook."""
    ref = f"{model}@{version}"
    if unsafe_reason is None:
        return f'import jupyterlab_dsp as dsp\n\nmodel = dsp.load("{ref}")\n'
    reason = " ".join(unsafe_reason.split())
    return f'import jupyterlab_dsp as dsp\n\n# {reason}\nmodel = dsp.load("{ref}", allow_unsafe=True)\n'


def _lineage(
    records: Records,
    model: str,
    version: int,
    notebook: str,
    run_id: str | None,
    spec: SpecRef | None,
    data: list[DataUsed],
) -> list[LineageStep]:
    """Notebook, cell, data, Spec, run, version: the links that are known, in this order."""
    steps = []
    if notebook:
        steps.append(LineageStep(noun="notebook", label=notebook.rpartition("/")[2], ref=notebook))
    run = records.get("run", run_id) if run_id else None
    if run is not None and (target := run.doc.get("target")):
        index = next((cell.get("index") for cell in run.doc.get("cells") or [] if cell.get("id") == target), None)
        label = f"cell {index + 1}" if isinstance(index, int) else "cell"
        steps.append(LineageStep(noun="cell", label=label, ref=str(target)))
    steps += [LineageStep(noun="data", label=each.name, ref=each.digest or each.uri or each.name) for each in data]
    if spec is not None:
        name = f"{spec.name} v{spec.version}" if spec.name and spec.version else spec.digest[:19]
        steps.append(LineageStep(noun="spec", label=name, ref=spec.digest))
    if run_id:
        steps.append(LineageStep(noun="run", label=run_id if run else f"{run_id} (deleted)", ref=run_id))
    steps.append(LineageStep(noun="version", label=f"{model} v{version}", ref=f"{model}@{version}"))
    return steps
