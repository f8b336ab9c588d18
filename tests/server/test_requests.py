"""From path, query and body to the request type."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from jupyterlab_dsp.contract.base import Done, Request
from jupyterlab_dsp.contract.operations import BY_ID, Operation
from jupyterlab_dsp.errors import InvalidInput
from jupyterlab_dsp_server.errors import WrongContentType
from jupyterlab_dsp_server.requests import read_request

RUNS = BY_ID["train.list"]
RUN = "0123456789ab"


class _Many(Request):
    names: list[str] | None = None
    flags: list[bool] = []
    kind: Literal["a", "b"] = "a"


MANY = Operation("x.many", "GET", "/x", _Many, Done, "read", "Nothing.")


def _get(operation: Operation, query: str = "", **path: str) -> Any:
    return read_request(operation, path, query, "", b"")


def _post(body: bytes | str, operation: Operation = BY_ID["train.compare"], type_: str = "application/json") -> Any:
    return read_request(operation, {}, "", type_, body.encode() if isinstance(body, str) else body)


def test_query_words_become_numbers_and_booleans() -> None:
    request = _get(RUNS, "limit=7&count=true&filter=loss%20%3C%201&sort=&order=asc")
    assert (request.limit, request.count, request.filter, request.order) == (7, True, "loss < 1", "asc")
    assert _get(RUNS, "count=0").count is False


def test_repeated_keys_become_a_list_where_the_field_is_one() -> None:
    request = _get(MANY, "names=a&names=b%2Cc&flags=true&flags=no")
    assert request.names == ["a", "b,c"]
    assert request.flags == [True, False]
    assert _get(MANY).names is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=many", "limit"), ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=1&limit=2", "limit"),
        ("limti=1", "limti"), ("count=perhaps", "count"), ("order=up", "order"), ("limit=" + "9" * 400, "limit"),
        ("filter=%FF%FE", "query"), ("filter=\xff", "query"), ("filter=a%00b", "filter"),
        ("&".join(["a=1"] * 3000), "query"),
        ("=1", ""), ("limit", "limit"), ("limit[]=1", "limit[]"), ("12345=x", "12345"),
    ],
)  # fmt: skip
def test_wrong_query_names_the_field(query: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _get(RUNS, query)
    assert caught.value.details["field"] == field or field == ""


def test_keys_of_jupyter_are_no_fields() -> None:
    """JupyterLab adds the time to every request; the token may stand in the query."""
    assert _get(RUNS, "limit=3&1764000000000&token=abc&no_track_activity=1").limit == 3


def test_query_takes_raw_and_escaped_text_alike() -> None:
    assert _get(RUNS, "filter=é".encode().decode("latin-1")).filter == "é"
    assert _get(RUNS, "filter=%C3%A9").filter == "é"


@pytest.mark.parametrize(
    "value", ["..", "a%2Fb", "%00", "%2e%2e%2fetc", "x" * 10_000, "%F0%9F%90%8D", "%FF", "-x", "a.lock"]
)
def test_odd_name_in_the_path_names_the_field(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _get(BY_ID["model.show"], model=value)
    assert caught.value.details["field"] == "model"


def test_path_and_body_together() -> None:
    request = read_request(BY_ID["train.annotate"], {"run_id": RUN}, "", "application/json", b'{"message": "m"}')
    assert (request.run_id, request.message) == (RUN, "m")  # type: ignore[attr-defined]


def test_field_of_the_path_is_refused_elsewhere() -> None:
    with pytest.raises(InvalidInput, match="path already"):
        read_request(BY_ID["train.annotate"], {"run_id": RUN}, "", "application/json", b'{"run_id": "x"}')
    with pytest.raises(InvalidInput, match="path already"):
        _get(BY_ID["train.log"], f"run_id={RUN}", run_id=RUN)


def test_body_where_none_is_taken_and_query_where_none_is_taken() -> None:
    with pytest.raises(InvalidInput, match="takes no body"):
        read_request(RUNS, {}, "", "application/json", b"{}")
    with pytest.raises(InvalidInput) as caught:
        read_request(BY_ID["train.compare"], {}, "refs=a", "application/json", b'{"refs": ["a", "b"]}')
    assert caught.value.details["field"] == "refs"


def test_empty_body_is_an_empty_object() -> None:
    assert read_request(BY_ID["model.purge"], {}, "", "", b"").dry_run is False  # type: ignore[attr-defined]


DEEP = 200_000


@pytest.mark.parametrize(
    "body",
    [
        "", "[]", "1", "null", '"x"', "{", "{'refs': 1}", "{} {}", b"\xff\xfe", b'{"refs": ["\xff"]}',
        "[" * DEEP, '{"refs":' * DEEP, '{"refs": ' + "[" * DEEP + "]" * DEEP + "}",
        '{"refs": [NaN]}', '{"refs": [Infinity]}', '{"refs": [-Infinity]}', '{"refs": [1e999]}',
        '{"refs": [' + "9" * 5000 + "]}", '{"refs": ["\\ud800", "b"]}', '{"refs": ["a", "b"], "refs": ["c", "d"]}',
    ],
)  # fmt: skip
def test_malformed_body_is_the_callers_fault(body: str | bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        _post(body)
    assert caught.value.details["field"]
    assert len(str(caught.value)) < 500


def test_types_of_json_are_kept() -> None:
    for body in ('{"dry_run": 1}', '{"dry_run": "true"}', '{"versions": ["1"]}'):
        with pytest.raises(InvalidInput) as caught:
            _post(body, BY_ID["model.purge"])
        assert caught.value.details["field"].split(".")[0] in body
    request = read_request(BY_ID["model.annotate"], {"model": "m", "version": "12"}, "", "", b'{"description": "x"}')
    assert request.version == 12  # type: ignore[attr-defined]
    with pytest.raises(InvalidInput, match="version"):
        read_request(BY_ID["model.annotate"], {"model": "m", "version": "1.0"}, "", "", b"{}")


def test_escaped_emoji_is_text() -> None:
    assert _post('{"refs": ["\\ud83d\\udc0d", "b"]}').refs[0] == "🐍"


@pytest.mark.parametrize(
    "type_",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "json",
    ],
)
def test_wrong_content_type(type_: str) -> None:
    with pytest.raises(WrongContentType):
        _post('{"refs": ["a", "b"]}', type_=type_)


@pytest.mark.parametrize("type_", ["", "application/json", "application/json; charset=UTF-8", "APPLICATION/JSON"])
def test_right_content_type(type_: str) -> None:
    assert _post('{"refs": ["a", "b"]}', type_=type_).refs == ["a", "b"]


def test_large_notebook_is_read_fast() -> None:
    import time

    cells = [{"id": f"c{i}", "source": "x = 1\n" * 1000, "index": i} for i in range(2000)]
    body = json.dumps({"name": "m", "target": "c1", "cells": cells})
    began = time.perf_counter()
    _post(body, BY_ID["train.submit"])
    assert time.perf_counter() - began < 3
