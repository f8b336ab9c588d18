"""Requests for each operation, made of the table: nothing here names an operation."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from jupyterlab_dsp.contract.openapi import path_fields
from jupyterlab_dsp.contract.operations import OPERATIONS, Operation

#: Values that satisfy the contract, by field; what they name does not exist.
GOOD: dict[str, Any] = {
    "run_id": "0123456789ab",
    "model": "nothing",
    "version": 1,
    "alias": "champion",
    "name": "nothing",
    "path": "no/such.file",
    "refs": ["nothing@1", "nothing@2"],
    "target": "cell-1",
    "cells": [],
}

IDS = [operation.id for operation in OPERATIONS]


def good_values(operation: Operation) -> dict[str, Any]:
    """Values of the required fields."""
    return {name: GOOD[name] for name, field in operation.request.model_fields.items() if field.is_required()}


def url_of(operation: Operation, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(path, values that do not stand in it)."""
    path = operation.path
    for name in path_fields(operation):
        path = path.replace("{" + name + "}", quote(str(values[name]), safe=""))
    return path, {name: value for name, value in values.items() if name not in path_fields(operation)}


def arguments(operation: Operation, values: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments of ``httpx.Client.request``; ``url`` is still relative to the API."""
    path, rest = url_of(operation, values)
    if operation.method in ("GET", "DELETE"):
        return {"method": operation.method, "url": path, "params": rest}
    return {"method": operation.method, "url": path, "json": rest}
