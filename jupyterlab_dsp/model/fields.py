"""Short names in filters and sorts of runs and versions: ``val_accuracy`` means ``metrics.val_accuracy``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InvalidInput
from ..filters import EVERYTHING, And, Compare, Has, In, Node, Not, Or, Value, parse, render, resolve

#: fields of the document itself, by kind of record
TOP_LEVEL: dict[str, frozenset[str]] = {
    "version": frozenset(
        (
            "version", "model", "state", "created_at", "created_by", "format", "size_bytes", "description", "message",
            "run_id", "notebook", "unsafe_reason", "trashed_at",
        )
    ),
    "model": frozenset(("name", "description", "created_at", "updated_at", "headline")),
    "run": frozenset(
        (
            "id", "name", "state", "is_final", "created_at", "created_by", "started_at", "ended_at", "duration_s",
            "message", "notebook", "purpose", "framework", "engine", "target", "spec_digest", "retry_of",
            "peak_memory_bytes", "cpu_time_s", "exit_code", "signal",
        )
    ),
}  # fmt: skip

#: people write either form
_SYNONYMS = {"tag": "tags", "metric": "metrics", "param": "params", "parameter": "params", "parameters": "params"}
_MAPS = frozenset(("metrics", "params", "tags", "aliases"))
_NESTED = frozenset(("spec", "stored", "exported", "progress", "problem", "environment", "hardware", "compile"))
_RENAMED = {"size": "size_bytes", "created": "created_at", "duration": "duration_s", "user": "created_by"}


class FieldNames:
    """``resolve_path(name, kind)`` gives the path of a name, ``resolve_path.filter(text, kind)`` those in a filter."""

    def __call__(self, name: str, kind: str = "version", newest: Iterable[Mapping[str, Any]] = ()) -> str:
        """The path in the stored document that a name of the user stands for.

        kind: "version", "model" or "run".
        newest: documents of the newest records; a bare name that is no field of the document is a metric where
        one of them has such a metric, else a parameter where one has such a parameter, else a tag where one has
        such a tag, else a metric (of a model: a tag). Nothing is scanned: a handful is enough, since a name is a
        metric everywhere or nowhere.
        """
        head, dot, rest = name.partition(".")
        head = _SYNONYMS.get(head, head)
        if dot and (head in _MAPS or head in _NESTED):
            return f"{head}.{rest}"
        fields = TOP_LEVEL.get(kind, frozenset())
        if name in fields:
            return name
        if kind == "run" and name == "model":
            return "name"
        documents = list(newest)
        for section in ("metrics", "params", "tags"):
            if any(name in (doc.get(section) or {}) for doc in documents):
                return f"{section}.{name}"
        # a metric of that very name is meant before the renamed field
        if name in _RENAMED and _RENAMED[name] in fields:
            return _RENAMED[name]
        return f"tags.{name}" if kind == "model" else f"metrics.{name}"

    def filter(
        self,
        text: str,
        kind: str = "version",
        newest: Iterable[Mapping[str, Any]] = (),
        aliases: Mapping[str, int] | None = None,
    ) -> str:
        """The filter with every name replaced by its path; values and operators stay as they are.

        aliases: of the model whose versions are listed; ``alias = production`` becomes the version it points at.
        Raises InvalidInput where the filter cannot be read, or compares an alias other than by = != in has.
        """
        node = parse(text)
        if node == EVERYTHING:
            return ""
        if aliases is not None:
            node = _aliases_to_versions(node, aliases)
        documents = list(newest)
        return render(resolve(node, lambda path: self(path, kind, documents)))


def _aliases_to_versions(node: Node, aliases: Mapping[str, int]) -> Node:
    match node:
        case Not(item):
            return Not(_aliases_to_versions(item, aliases))
        case And(items):
            return And(tuple(_aliases_to_versions(item, aliases) for item in items))
        case Or(items):
            return Or(tuple(_aliases_to_versions(item, aliases) for item in items))
        case Compare(path, op, value) if path in _ALIAS:
            if op not in ("=", "!="):
                raise InvalidInput("An alias can be compared by = and != only.", field="filter")
            return Compare("version", op, _version(aliases.get(value.text)))
        case In(path, values) if path in _ALIAS:
            return In("version", tuple(_version(aliases.get(value.text)) for value in values))
        case Has(path) if path in _ALIAS:
            return In("version", tuple(_version(number) for number in sorted({*aliases.values()} or {0})))
    return node


def _version(number: int | None) -> Value:
    """0 is no version: an alias that does not exist finds nothing."""
    return Value(number or 0, str(number or 0))


_ALIAS = ("alias", "aliases")

resolve_path = FieldNames()
