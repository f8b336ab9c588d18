"""The value of a ``%dsp`` line: shown as a table, used as the answer of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..cli.commands import Command
from ..cli.views import Note, view


class Answer:
    """Text and HTML of an answer; attributes, items and length are those of the answer itself.

    value: the contract's type. A page of a list is a sequence of its rows.
    """

    def __init__(self, value: Any, command: Command | None = None) -> None:
        self.value = value
        self._command = command

    def __repr__(self) -> str:
        return view(self.value, self._command).text

    def _repr_html_(self) -> str | None:
        return None if isinstance(self.value, Note) else view(self.value, self._command).html

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.value, name)

    def __dir__(self) -> list[str]:
        fields = getattr(type(self.value), "model_fields", {})
        return ["value", *fields]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items())

    def __len__(self) -> int:
        return len(self._items())

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: Any) -> Any:
        return self._items()[key]

    def _items(self) -> list[Any]:
        items = getattr(self.value, "items", None)
        if not isinstance(items, list):
            raise TypeError(f"{type(self.value).__name__} is not a list")
        return items
