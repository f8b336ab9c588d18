"""Shapes that training and models share: cells of a notebook, and the data that code reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from .base import Request, Shape

CellId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Source = Annotated[str, StringConstraints(max_length=8 * 2**20, strip_whitespace=False)]


class CodeCell(Request):
    """One code cell of a notebook, in document order."""

    id: CellId = Field(description="The cell's id in the notebook document.")
    source: Source = Field(description="Its text now.")
    index: int = Field(ge=0, description="Its place among all cells of the notebook, from 0.")
    execution_count: int | None = Field(default=None, description="The number in its prompt; null: not run.")
    execution_source: Source | None = Field(default=None, description="Its text when it was last run, where known.")


class DataUsed(Shape):
    """Data that the run read, as far as it was seen."""

    name: str
    role: str = Field(description="x, y, validation_x, dataset, sent ...")
    digest: str | None = None
    shape: list[int | None] | None = None
    dtype: str | None = None
    rows: int | None = None
    size_bytes: int | None = None
    uri: str | None = None
