"""Live objects: stored as the next version, and brought back."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..contract.model import Version
from ..errors import UnsafeFormat
from ..paths import Paths
from ..records import Record
from .environment import capture_environment
from .formats import choose_format, get_format
from .manifest import check_path, files_of
from .plugin import Store
from .writing import VersionWriter


def save_object(
    writer: VersionWriter, paths: Paths, obj: object, model: str, *, format: str | None, **described: Any
) -> Version:
    """Store ``obj`` by the named format, or by the one that knows its class. Raises InvalidInput, ExtraMissing."""
    chosen = get_format(format) if format else choose_format(obj)
    with _scratch(paths) as folder:
        saved = chosen.save(obj, folder)
        requirements = described.pop("requirements", None)
        environment = None
        if requirements is None:
            captured = capture_environment(saved.modules)
            requirements = [f"{name}=={version}" for name, version in captured["packages"].items()]
            # equal environments are equal bytes, so the lock of 300 packages is stored once
            environment = json.dumps(captured, sort_keys=True).encode()
        return writer.add(
            model, saved, format=chosen.name, requirements=requirements, environment=environment, **described
        )


def load_object(store: Store, paths: Paths, record: Record, content: dict[str, Any], *, allow_unsafe: bool) -> object:
    """The live object of a version. Raises UnsafeFormat, ExtraMissing, Corrupt, and what the format raises."""
    ref = f"{record.scope}@{int(record.key)}"
    # the manifest says it, and it is verified: the record could have been edited
    reason = content.get("unsafe_reason")
    if reason and not allow_unsafe:
        raise UnsafeFormat(
            f"{ref} is not loaded, because that would run code. {reason}",
            hint=f'If you trust who made it: dsp.load("{ref}", allow_unsafe=True)',
            ref=ref,
            reason=reason,
        )
    chosen = get_format(str(content["format"]))
    with _scratch(paths) as folder:
        for file in files_of(content):
            target = folder / check_path(file.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            store.fetch(file.digest or "", target)
        return chosen.load(folder, facts=content.get("facts") or {}, allow_unsafe=allow_unsafe)


@contextmanager
def _scratch(paths: Paths) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="model-", dir=paths.scratch))
    try:
        yield folder
    finally:
        # links to blobs may be read-only; the folder is ours, so removing them is allowed all the same
        shutil.rmtree(folder, ignore_errors=True)
