"""What the platform says of itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Request, Shape


class Formats(Shape):
    """One model format."""

    name: str
    label: str
    unavailable_reason: str | None = Field(default=None, description="None: it can be used here.")


class Info(Shape):
    """The installation that answers."""

    version: str
    user: str
    home: str
    records: str = Field(description="Record plug-in in use.")
    store: str = Field(description="Store plug-in in use.")
    engine: str = Field(description="Engine that runs are started with.")
    formats: list[Formats]


class RecordChanged(Shape):
    """Event: a run, model, version or Spec changed; whoever shows it reads it again."""

    area: Literal["train", "model"] = Field(description="Whose record it is.")
    kind: str = Field(description="run, model, version or spec")
    scope: str = Field(description="The model of a version, the name of a Spec; else empty.")
    key: str = Field(description="Id of the run, name of the model, number as 10 digits; empty: many of this scope.")
    deleted: bool = Field(default=False, description="It is gone.")


class ShowInfo(Request):
    """No input."""
