"""OpenAPI 3.1 made of the table of operations."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from .base import ErrorBody, Request
from .operations import OPERATIONS, Operation
from .system import RecordChanged

#: All routes lie below this.
PREFIX = "/dsp/api/v1"

_REF = "#/components/schemas/{model}"


def path_fields(operation: Operation) -> list[str]:
    """Request fields that stand in the path."""
    return [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]


def build(version: str = "1") -> dict[str, Any]:
    """The whole document; stable order, so that a diff shows what changed."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (ErrorBody, "serialization"),
        (RecordChanged, "serialization"),
    ]
    for operation in OPERATIONS:
        models.append((operation.request, "validation"))
        if not operation.is_binary:
            models.append((operation.response, "serialization"))
    unique = list(dict.fromkeys(models))
    refs, definitions = models_json_schema(unique, ref_template=_REF, schema_generator=GenerateJsonSchema)
    schemas = definitions.get("$defs", {})
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        path = paths.setdefault(PREFIX + operation.path, {})
        path[operation.method.lower()] = _operation(operation, refs, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jupyterlab-dsp",
            "version": version,
            "description": "The operations of the data science platform. Every route needs the server's token.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "token <value>"}
            },
        },
    }


def _operation(operation: Operation, refs: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    in_path = path_fields(operation)
    schema = _schema_of(operation.request, refs, schemas)
    properties: dict[str, Any] = schema.get("properties", {})
    required = schema.get("required", [])
    parameters = [{"name": name, "in": "path", "required": True, "schema": properties[name]} for name in in_path]
    body: dict[str, Any] | None = None
    if operation.method in ("GET", "DELETE"):
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": value}
            for name, value in properties.items()
            if name not in in_path
        ]
    else:
        body = {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: value for name, value in properties.items() if name not in in_path},
        }
        if rest := [name for name in required if name not in in_path]:
            body["required"] = rest
    if operation.is_binary:
        content: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    else:
        content = {"application/json": {"schema": refs[(operation.response, "serialization")]}}
    error = {
        "description": "An error.",
        "content": {"application/json": {"schema": refs[(ErrorBody, "serialization")]}},
    }
    result: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.area],
        "x-permission": operation.permission,
        "parameters": parameters,
        "responses": {str(operation.status): {"description": "Done.", "content": content}, "default": error},
    }
    if body is not None:
        result["requestBody"] = {
            "required": bool(body.get("required")),
            "content": {"application/json": {"schema": body}},
        }
    return result


def _schema_of(request: type[Request], refs: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = refs[(request, "validation")]
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    return schema
