"""What one cell defines, uses, changes and calls: the result of ``dataflow``."""

from __future__ import annotations

from dataclasses import dataclass, field

from .sharing import Share, Site


@dataclass(slots=True)
class Scope:
    """What happens while a cell, or the body of one of its functions, runs."""

    name: str = ""
    params: tuple[str, ...] = ()
    locals: set[str] = field(default_factory=set)
    sites: list[Site] = field(default_factory=list)
    #: (dotted text or '', what is changed, line): stores into attributes and items, augmented assignments
    stores: list[tuple[str, Share, int]] = field(default_factory=list)
    links: list[tuple[tuple[str, ...], Share]] = field(default_factory=list)
    returns: list[Share] = field(default_factory=list)
    loads: set[str] = field(default_factory=set)
    global_names: set[str] = field(default_factory=set)
    mutable_defaults: set[str] = field(default_factory=set)
    is_generator: bool = False
    has_inner: bool = False


@dataclass(slots=True)
class CellFlow:
    """The data flow of one cell. Lines count from 1. ``uses`` are names that the cell needs from before it."""

    defines: dict[str, int] = field(default_factory=dict)
    definite: set[str] = field(default_factory=set)
    deleted: dict[str, int] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    #: used in bodies of functions: looked up when they are called
    deferred: dict[str, int] = field(default_factory=dict)
    #: those of ``deferred`` that the cell has not defined above the function
    deferred_open: set[str] = field(default_factory=set)
    imports: dict[str, str] = field(default_factory=dict)
    submodules: set[str] = field(default_factory=set)
    modules: dict[str, int] = field(default_factory=dict)
    star_imports: list[str] = field(default_factory=list)
    scope: Scope = field(default_factory=Scope)
    functions: dict[str, list[Scope]] = field(default_factory=dict)
    methods: dict[str, list[Scope]] = field(default_factory=dict)
    classes: dict[str, list[Scope]] = field(default_factory=dict)
    #: each value that a name gets: names that must be immutable for it to be, None where it is not
    values: dict[str, list[frozenset[str] | None]] = field(default_factory=dict)
    made_by: dict[str, set[str]] = field(default_factory=dict)
    async_line: int | None = None
    future_line: int | None = None
