"""Short names in filters and sorts of runs and versions: ``val_accuracy`` means ``metrics.val_accuracy``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InvalidInput

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
        Raises InvalidInput for an alias compared other than by = or !=. Other mistakes are left to the records.
        """
        documents = list(newest)
        parts: list[str] = []
        tokens = [token for token in _TOKEN.finditer(text) if token.group().strip()]
        skip_to = -1
        for place, token in enumerate(tokens):
            if token.start() < skip_to:
                continue
            word = token.group()
            following = tokens[place + 1].group() if place + 1 < len(tokens) else ""
            is_name = token.lastgroup == "name" and word.lower() not in _WORDS and following.lower() in _OPERATORS
            if not is_name or (parts and parts[-1].lower() in _COMPARISONS):
                parts.append(word)
            elif word == "alias" and aliases is not None:
                value = tokens[place + 2] if place + 2 < len(tokens) else None
                if following not in ("=", "==", "!=") or value is None:
                    raise InvalidInput("An alias can be compared by = and != only.", field="filter")
                # 0 is no version: an alias that does not exist finds nothing
                parts.append(f"version {following} {aliases.get(_unquoted(value.group()), 0)}")
                skip_to = value.end()
            else:
                parts.append(self(word, kind, documents))
        return " ".join(parts)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] in "'\"" and value[-1] == value[0] else value


_COMPARISONS = frozenset(("=", "==", "!=", "<>", "<", "<=", ">", ">=", "~", "!~", "like", "contains"))
_OPERATORS = _COMPARISONS | {"in", "not", "is", "exists"}
_WORDS = frozenset(("and", "or", "not", "in", "like", "contains", "is", "null", "true", "false", "exists"))
_TOKEN = re.compile(
    r"""(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""|(?P<operator>==|!=|<>|<=|>=|!~|[=<>~])"""
    r"""|(?P<bracket>[(),])"""
    r"""|(?P<name>[^\W\d][^\s=<>!~(),'"]*)"""
    r"""|(?P<other>[^\s=<>!~(),'"]+|.)""",
    re.DOTALL,
)

resolve_path = FieldNames()
