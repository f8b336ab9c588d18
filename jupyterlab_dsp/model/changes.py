"""Changes in words and in parts: what diffs are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """``text`` says it for people: 'epochs 10 → 20', '+ Dropout(0.2) after Dense(64)'."""

    kind: Kind
    what: str
    before: Any
    after: Any
    text: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Change:
        return cls(values["kind"], values["what"], values.get("before"), values.get("after"), values["text"])


def shown(value: Any) -> str:
    """A value, short."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def change(what: str, before: Any, after: Any) -> Change:
    """A value that became another."""
    return Change("changed", what, before, after, f"{what} {shown(before)} → {shown(after)}")


def diff_values(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """By name: removed and changed in the order of the old, then added."""
    found = []
    for name, before in old.items():
        if name not in new:
            found.append(Change("removed", name, before, None, f"- {name} {shown(before)}"))
        elif new[name] != before or type(new[name]) is not type(before):
            found.append(change(name, before, new[name]))
    for name, after in new.items():
        if name not in old:
            found.append(Change("added", name, None, after, f"+ {name} {shown(after)}"))
    return found
