"""What a store and a model format implement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Blob:
    """Content-addressed bytes. ``digest`` names its algorithm: "blake3:<64 hex digits>"."""

    digest: str
    size_bytes: int


@runtime_checkable
class Store(Protocol):
    """Content-addressed blobs. Immutable: what a digest names never changes; two writers of the same bytes agree.

    A blob is visible only when it is whole and synced. All calls are safe from any thread and process.
    """

    name: str
    label: str

    def writing(self) -> AbstractContextManager[None]:
        """Hold this from the first ``put`` of an artifact until the record that refers to it is written.

        While anybody writes, ``collecting`` waits, so a blob that a writer found present stays.
        """
        ...

    def collecting(self) -> AbstractContextManager[None]:
        """Exclusive: held while blobs without reference are removed."""
        ...

    def put(self, source: Path | bytes | BinaryIO, *, move: bool = False) -> Blob:
        """Store bytes, hashed while they are written; returns at once where the digest is present already.

        move: the caller gives the file away (same file system: it is renamed into place, not copied).
        """
        ...

    def open(self, digest: str, *, verify: bool = True) -> BinaryIO:
        """A readable stream. With ``verify`` the last read raises Corrupt where the bytes do not match.

        Raises NotFound.
        """
        ...

    def fetch(self, digest: str, target: Path) -> None:
        """Write the verified bytes to ``target`` (may hard-link or reflink where safe). Raises NotFound, Corrupt."""
        ...

    def size(self, digest: str) -> int | None:
        """Bytes, or None where there is no such blob."""
        ...

    def blobs(self) -> Iterator[Blob]:
        """All blobs, in no order."""
        ...

    def remove(self, digest: str) -> int:
        """Delete a blob; returns the bytes freed (0 where there was none)."""
        ...


@dataclass(slots=True)
class SavedFile:
    """One file that a format wrote, relative path with forward slashes."""

    path: str
    source: Path | bytes
    move: bool = True


@dataclass(slots=True)
class Saved:
    """What a format made of a live object."""

    files: list[SavedFile]
    #: facts that a reader of the version wants: layers, parameters, class name ...
    facts: dict[str, Any] = field(default_factory=dict)
    #: {"inputs": [{"name","shape","dtype"}], "outputs": [...]}; unknown sizes are None
    signature: dict[str, Any] | None = None
    #: why loading this version runs code, or None where it is safe
    unsafe_reason: str | None = None
    #: top-level modules that the object needs (for the requirements), e.g. ["keras", "tensorflow"]
    modules: list[str] = field(default_factory=list)


@runtime_checkable
class Format(Protocol):
    """Turns a live model object into files and back. Heavy imports happen inside ``save`` and ``load`` only."""

    name: str
    label: str
    #: higher is asked first by ``handles``
    priority: int

    def handles(self, obj: object) -> bool:
        """Whether this format can save ``obj``. Must not import anything: look at type(obj).__mro__ modules."""
        ...

    def save(self, obj: object, folder: Path) -> Saved:
        """Write files below the empty ``folder`` (on the store's file system). Raises InvalidInput with the reason."""
        ...

    def load(self, folder: Path, *, facts: dict[str, Any], allow_unsafe: bool) -> object:
        """Back to a live object. Raises UnsafeFormat, ExtraMissing, Corrupt."""
        ...

    def code(self, folder_expr: str) -> str:
        """Python that loads the files without this package, for people who leave: ``keras.saving.load_model(...)``."""
        ...
