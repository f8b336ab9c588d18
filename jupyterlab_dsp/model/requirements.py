"""Packages that a model needs, read from what is loaded in this process: nothing is imported or started."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version


def requirements_of(modules: Iterable[str]) -> list[str]:
    """The distributions that bring these top-level modules, pinned to what is installed: ``["keras==3.15.1"]``.

    Modules of no distribution (a file beside the notebook) are left out.
    """
    by_module = _distributions()
    names = {name for module in modules for name in by_module.get(module.partition(".")[0], ())}
    pinned = []
    for name in sorted(names, key=str.lower):
        try:
            pinned.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue  # removed since the list was read
    return pinned


@cache
def _distributions() -> dict[str, list[str]]:
    """Read once a process: it looks into every installed distribution."""
    return dict(packages_distributions())
