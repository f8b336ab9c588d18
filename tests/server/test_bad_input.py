"""Whatever comes in, over a real server: the answer is a 4xx that names the field, in one form, never a 5xx."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest
from pydantic_core import PydanticUndefined

from jupyterlab_dsp.contract.operations import BY_ID, OPERATIONS, Operation

from .conftest import Server
from .operation_cases import IDS, arguments, good_values, url_of

#: Texts that break naive code. None of them is a name, an id or a number.
ODD = [
    "..",
    "../../etc/passwd",
    "a/b",
    "/etc/passwd",
    "a\\..\\b",
    "🐍",
    "x" * 10_000,
    "a\0b",
    " ",
    "%2e%2e%2f",
    "\u202e",
    "'; --",
]


def _send(server: Server, request: dict[str, Any]) -> httpx.Response:
    with server.client() as client:
        return client.request(**{**request, "url": server.api + request["url"]})


def _assert_refused(answer: httpx.Response, field: str | None = None) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    body = answer.json()
    assert set(body) == {"code", "message", "hint", "details"}
    assert "Traceback" not in answer.text
    if field is not None:
        assert body["details"].get("field", "").split(".")[0] == field, body
        assert field in body["message"]


@pytest.mark.parametrize("id_", IDS)
def test_unknown_field_is_named(server: Server, id_: str) -> None:
    operation = BY_ID[id_]
    request = arguments(operation, good_values(operation))
    for place in ("params", "json"):
        if place in request:
            request[place] = {**request[place], "surprise": "1"}
    _assert_refused(_send(server, request), "surprise")


def _in_path(operation: Operation) -> set[str]:
    values = good_values(operation)
    return set(values) - set(url_of(operation, values)[1])


MISSING = [
    (operation.id, name)
    for operation in OPERATIONS
    for name in good_values(operation)
    if name not in _in_path(operation)
]


@pytest.mark.parametrize(("id_", "field"), MISSING)
def test_missing_field_is_named(server: Server, id_: str, field: str) -> None:
    operation = BY_ID[id_]
    values = {name: value for name, value in good_values(operation).items() if name != field}
    _assert_refused(_send(server, arguments(operation, values)), field)


FIELDS = [(operation.id, name) for operation in OPERATIONS for name in operation.request.model_fields]


@pytest.mark.parametrize(("id_", "field"), FIELDS)
def test_wrong_type_is_named(server: Server, id_: str, field: str) -> None:
    operation = BY_ID[id_]
    wrong: Any = {"no": {"such": [1, {"type": None}]}} if operation.method not in ("GET", "DELETE") else "\0"
    if field in _in_path(operation):
        wrong = "\0"
    elif field in ("document", "params", "environment"):
        wrong = "text"  # any object is right there
    _assert_refused(_send(server, arguments(operation, {**good_values(operation), field: wrong})), field)


@pytest.mark.parametrize(("id_", "field"), [case for case in FIELDS if case[1] in _in_path(BY_ID[case[0]])])
def test_odd_text_in_the_path_is_refused(server: Server, id_: str, field: str) -> None:
    operation = BY_ID[id_]
    for text in ODD:
        answer = _send(server, arguments(operation, {**good_values(operation), field: text}))
        # the client library may fold '..' away before it sends: then there is no such route
        _assert_refused(answer, None if text in ("..",) or answer.status_code in (404, 405) else field)


@pytest.mark.parametrize(("id_", "field"), FIELDS)
def test_odd_text_is_never_a_fault_of_the_server(server: Server, id_: str, field: str) -> None:
    operation = BY_ID[id_]
    annotation = operation.request.model_fields[field]
    for text in ODD:
        value: Any = [text, text] if isinstance(annotation.default, list) or field in ("refs", "files") else text
        answer = _send(server, arguments(operation, {**good_values(operation), field: value}))
        assert answer.status_code < 500, (text, answer.text)
        assert "root:x:" not in answer.text
    assert annotation.default is not PydanticUndefined or annotation.is_required() or annotation.default_factory


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"a": NaN}', b"[" * 100_000, b"\xff", b'{"a": 1e999}'])
@pytest.mark.parametrize("id_", [operation.id for operation in OPERATIONS if operation.method not in ("GET", "DELETE")])
def test_malformed_body_is_refused(server: Server, id_: str, body: bytes) -> None:
    operation = BY_ID[id_]
    request = arguments(operation, good_values(operation))
    request.pop("json")
    _assert_refused(_send(server, {**request, "content": body, "headers": {"Content-Type": "application/json"}}))


def test_body_over_the_limit_is_413_and_not_kept(server: Server) -> None:
    """Announced and unannounced; the client can read the answer although it was still sending."""
    size = 65 * 2**20

    def body() -> Any:
        for _ in range(size // 65536):
            yield b" " * 65536

    for headers in ({"Content-Length": str(size)}, {}):
        with server.client() as client:
            answer = client.post(
                f"{server.api}/train/runs", content=body(), headers={"Content-Type": "application/json", **headers}
            )
        assert answer.status_code == 413
        assert answer.json()["code"] == "too_large"
        assert answer.json()["details"]["limit_bytes"] == 64 * 2**20
    with server.client() as client:
        assert client.request("GET", f"{server.api}/system/info", content=b" " * 200_000).status_code == 413


def test_raw_requests_that_no_client_library_sends(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    base = f"{server.base_url}/dsp/api/v1".encode()
    auth = f"Host: {host}:{port}\r\nAuthorization: token {server.token}\r\nConnection: close\r\n".encode()
    for line in (
        b"GET " + base + b"/model/models/../../../../etc/passwd HTTP/1.1",
        b"GET " + base + b"/model/models/%2e%2e%2f%2e%2e HTTP/1.1",
        b"GET " + base + b"/model/models/\xff\xfe HTTP/1.1",
        b"GET " + base + b"/train/runs?filter=\xff HTTP/1.1",
        b"GET " + base + b"//train//runs HTTP/1.1",
        b"BREW " + base + b"/train/runs HTTP/1.1",
        b"POST " + base + b"/train/compare HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json",
    ):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            tail = b'3\r\n{"x\r\n0\r\n\r\n' if b"chunked" in line else b""
            connection.sendall(line + b"\r\n" + auth + b"\r\n" + tail)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.split()[1][:1] == b"4", (line, head)
        assert set(json.loads(body or "{}")) == {"code", "message", "hint", "details"}, (line, head)


def test_thousand_bad_requests_leave_the_server_well(server: Server) -> None:
    with server.client() as client:
        for index in range(1000):
            assert client.get(f"{server.api}/train/runs?x{index}=1").status_code == 400
        assert client.get(f"{server.api}/system/info").status_code == 200
