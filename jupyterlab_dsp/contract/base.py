"""What all contract types share."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

#: A parameter, tag or fact: what fits a table cell.
Scalar = str | int | float | bool | None


def _safe_name(value: str) -> str:
    if ".." in value or value.endswith((".", ".lock")):
        raise ValueError("must not contain '..' and must not end with '.' or '.lock'")
    return value


#: Names of models, Specs and aliases: they become folders, git branches and URL segments.
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", min_length=1, max_length=100),
    AfterValidator(_safe_name),
    Field(description="Letters, digits, '.', '_' and '-', at most 100, starting with a letter or digit."),
]


def _alias(value: str) -> str:
    if value.isdigit() or value == "latest" or (value[0] == "v" and value[1:].isdigit()):
        raise ValueError("must not look like a version ('3', 'v3') or be 'latest'")
    return value


Alias = Annotated[Name, AfterValidator(_alias)]
RunId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$"), Field(description="12 hexadecimal digits.")]
Variable = Annotated[str, StringConstraints(pattern=r"^[^\W\d]\w*$", max_length=200)]
Digest = Annotated[str, StringConstraints(pattern=r"^blake3:[0-9a-f]{64}$")]
ShortText = Annotated[str, StringConstraints(max_length=2000)]
Tags = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=100)],
        Annotated[str, StringConstraints(max_length=500)],
    ],
    Field(max_length=100, description="Labels: name to value."),
]
#: numbers stay below 2**53, so that a browser reads them exactly
Offset = Annotated[int, Field(ge=0, le=2**53)]
VersionNumber = Annotated[int, Field(ge=1, le=2**31, description="Number of a version, from 1.")]


class Request(BaseModel):
    """Input of an operation: an unknown field is an error that names it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_null_character(cls, value: Any) -> Any:
        """No file name, record or Python source can hold one: refused here, with the field's name."""
        parts = value if isinstance(value, list) else [*value, *value.values()] if isinstance(value, dict) else [value]
        if any(isinstance(part, str) and "\0" in part for part in parts):
            raise ValueError("must not contain a null character")
        return value


class Shape(BaseModel):
    """Output of an operation, or a stored record: an older process can read a newer one."""

    model_config = ConfigDict(extra="ignore", json_schema_serialization_defaults_required=True, ser_json_inf_nan="null")


class ErrorBody(Shape):
    """Every error, on every route."""

    code: str = Field(description="Stable, for programs: see the reference of error codes.")
    message: str = Field(description="One sentence for the user.")
    hint: str | None = Field(default=None, description="What to do next.")
    details: dict[str, Any] = Field(default_factory=dict, description="Facts; 'field' names a wrong input field.")


Item = TypeVar("Item")


class PageOf(Shape, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(default=None, description="Give it back as 'cursor' for the next page.")
    total: int | None = Field(default=None, description="All matches, where 'count' was asked for.")


class ListRequest(Request):
    """What every list takes."""

    filter: Annotated[str, StringConstraints(max_length=10_000)] = Field(
        default="", description="Filter expression, for example: val_accuracy > 0.95 and tags.stage = nightly"
    )
    sort: Annotated[str, StringConstraints(max_length=500)] = Field(
        default="", description="Field to sort by, for example metrics.val_accuracy. Empty: newest first."
    )
    order: Literal["asc", "desc"] = Field(default="desc", description="Direction of the sort.")
    limit: int = Field(default=50, ge=1, le=1000, description="Rows of one page.")
    cursor: Annotated[str, StringConstraints(max_length=20_000)] | None = Field(
        default=None, description="Where the page before ended."
    )
    count: bool = Field(default=False, description="Also count all matches.")


class Empty(Request):
    """No input."""


class Done(Shape):
    """Nothing to say but that it is done."""

    ok: Literal[True] = True


class Binary(Shape):
    """Marks an operation that answers with bytes instead of JSON."""


class File(Shape):
    """One file of a version, a run or a Spec."""

    path: str
    size_bytes: int
    digest: str | None = None
