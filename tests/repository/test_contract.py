"""Each operation, setting, error and plug-in is whole: nothing in the table without the things made of it."""

from __future__ import annotations

import importlib
import inspect
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from jupyterlab_dsp import errors, plugins
from jupyterlab_dsp.contract import openapi
from jupyterlab_dsp.contract.operations import BY_ID, OPERATIONS, Operation
from jupyterlab_dsp.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)


def read(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def service(area: str) -> Any:
    module = "jupyterlab_dsp.system" if area == "system" else f"jupyterlab_dsp.{area}.service"
    return getattr(importlib.import_module(module), f"{area.capitalize()}Service")


@each_operation
def test_operation_is_served_by_its_service(operation: Operation) -> None:
    method = getattr(service(operation.area), operation.method_name, None)
    assert method is not None, f"{operation.area} has no {operation.method_name}()"
    parameters = [name for name in inspect.signature(method).parameters if name != "self"]
    assert parameters[0] == "request"


@each_operation
def test_operation_has_one_handler_class_of_its_own(operation: Operation) -> None:
    from jupyterlab_dsp_server.routing import handler_class

    handler = handler_class(operation)
    assert handler.operation is operation
    assert operation.method.lower() in vars(handler), "a method shared by handlers would check the wrong permission"


@each_operation
def test_operation_has_a_command_or_a_reason(operation: Operation) -> None:
    sys.path.insert(0, str(ROOT / "scripts" / "lib"))
    try:
        reasons = importlib.import_module("reference").WITHOUT_COMMAND
    finally:
        sys.path.pop(0)
    assert (operation.cli is None) == (operation.id in reasons)
    assert set(reasons) <= set(BY_ID)
    for name in operation.cli.positional if operation.cli else ():
        assert name in operation.request.model_fields


@each_operation
def test_operation_has_permission_summary_and_page(operation: Operation) -> None:
    assert operation.permission in ("read", "write", "execute")
    changes = operation.method != "GET"
    looks_only = operation.permission == "read"
    # what reads by POST has a request too big for a URL; nothing that is only read may need more, or less
    assert changes or looks_only
    assert operation.summary.endswith(".")
    assert f"### {operation.id}\n" in read("reference/operations.md")


@each_operation
def test_operation_has_an_error_test(operation: Operation) -> None:
    sys.path.insert(0, str(ROOT / "tests" / "server"))
    try:
        cases = importlib.import_module("operation_cases")
    finally:
        sys.path.pop(0)
    assert operation.id in cases.IDS
    cases.good_values(operation)  # knows a value for each required field, so that one can be made wrong at a time


@each_operation
def test_operation_stands_in_the_openapi_document(operation: Operation) -> None:
    path = openapi.build()["paths"][openapi.PREFIX + operation.path][operation.method.lower()]
    assert path["operationId"] == operation.id
    assert path["x-permission"] == operation.permission


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in read("reference/settings.md")
    assert Settings.model_fields[name].description


def every_error(cls: type[errors.DspError] = errors.DspError) -> list[type[errors.DspError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in every_error(child))]


@pytest.mark.parametrize("cls", [cls for cls in every_error() if cls.__module__ == errors.__name__])
def test_error_is_documented(cls: type[errors.DspError]) -> None:
    assert f"`{cls.code}` | {cls.http_status} |" in read("reference/errors.md")


def entry_points() -> list[tuple[str, str, str]]:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    return [
        (group.rsplit(".", 1)[1], name, target) for group, found in groups.items() for name, target in found.items()
    ]


@pytest.mark.parametrize(("kind", "name", "target"), entry_points())
def test_plugin_is_whole_and_documented(kind: str, name: str, target: str) -> None:
    assert kind in plugins.KINDS
    module, attribute = target.split(":")
    cls = getattr(importlib.import_module(module), attribute)
    assert cls.name == name
    assert cls.label
    assert cls.__doc__
    page = read("reference/plugins.md")
    assert f"## {kind}\n" in page
    assert f"### {name}\n" in page
