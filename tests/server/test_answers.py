"""Answers: JSON that every browser reads, errors in one form, downloads whole or visibly broken."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import math
from collections.abc import Callable
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError
from tornado.iostream import IOStream

from jupyterlab_dsp.contract.train import LogChunk, Run, RunPage
from jupyterlab_dsp.errors import Conflict, Corrupt, DspError, NotFound, UnsafeFormat
from jupyterlab_dsp.system import Download
from jupyterlab_dsp_server.downloads import CHUNK, disposition

RUN = "0123456789ab"


class _Train:
    """Answers or raises what it is given."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def _answer(self, request: Any) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    list = show = stop = file = log = submit = _answer

    def settle_active(self) -> Any:
        return []


def _run(**facts: Any) -> Run:
    return Run(id=RUN, name="m", state="running", is_final=False, created_at="", created_by="", **facts)


async def test_numbers_that_json_lacks_become_null(jp_fetch: Any, replace: Callable[..., None]) -> None:
    run = _run(
        metrics={"loss": math.nan},
        params={"lr": math.inf, "deep": {"x": [-math.inf, 1.5]}},
        hardware={"gpu": math.nan},
        duration_s=math.inf,
    )
    replace(train=_Train(RunPage(items=[run])))
    body = (await jp_fetch("dsp/api/v1/train/runs")).body

    def refuse(text: str) -> None:
        raise AssertionError(text)

    item = json.loads(body, parse_constant=refuse)["items"][0]
    assert item["metrics"] == {"loss": None}
    assert item["params"] == {"lr": None, "deep": {"x": [None, 1.5]}}


async def test_created_is_201(jp_fetch: Any, replace: Callable[..., None]) -> None:
    replace(train=_Train(_run()))
    body = json.dumps({"name": "m", "target": "c"})
    answer = await jp_fetch(
        "dsp/api/v1/train/runs", method="POST", body=body, headers={"Content-Type": "application/json"}
    )
    assert answer.code == 201
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound.of("run", "x"), 404),
        (Conflict("Somebody was faster.", hint="Again."), 409),
        (UnsafeFormat("It runs code.", field="allow", odd={1, 2}), 409),
        (Corrupt("The bytes are wrong."), 500),
    ],
)
async def test_errors_of_the_platform_arrive_whole(
    jp_fetch: Any, replace: Callable[..., None], error: DspError, status: int
) -> None:
    replace(train=_Train(error))
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("dsp/api/v1/train/runs")
    assert caught.value.code == status
    body = json.loads(caught.value.response.body)
    assert (body["code"], body["message"], body["hint"]) == (error.code, error.message, error.hint)


async def test_unexpected_error_is_logged_with_its_id_and_told_without_traceback(
    jp_fetch: Any, replace: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    replace(train=_Train(RuntimeError("secret /home/ann/password")))
    with caplog.at_level(logging.ERROR), pytest.raises(HTTPClientError) as caught:
        await jp_fetch("dsp/api/v1/train/runs")
    assert caught.value.code == 500
    text = caught.value.response.body.decode()
    body = json.loads(text)
    assert body["code"] == "internal"
    assert "secret" not in text
    assert "Traceback" not in text
    logged = [record for record in caplog.records if body["details"]["id"] in record.getMessage()]
    assert len(logged) == 1
    assert logged[0].exc_info is not None


async def test_expected_error_is_not_logged_as_a_fault(
    jp_fetch: Any, replace: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    replace(train=_Train(NotFound.of("run", "x")))
    with caplog.at_level(logging.INFO), pytest.raises(HTTPClientError):
        await jp_fetch("dsp/api/v1/train/runs")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert sum("train/runs" in record.getMessage() for record in caplog.records) == 1


async def test_wrong_settings_are_told_and_heal_without_restart(
    jp_fetch: Any, dsp_home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSP_WATCH_INTERVAL_S", "soon")
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch("dsp/api/v1/system/info")
    assert caught.value.code == 503
    assert "watch_interval_s" in json.loads(caught.value.response.body)["message"]
    monkeypatch.setenv("DSP_WATCH_INTERVAL_S", "0.5")
    assert json.loads((await jp_fetch("dsp/api/v1/system/info")).body)["home"] == str(dsp_home)


class _Stream(io.RawIOBase):
    """Bytes without end or with a fault; remembers that it was closed."""

    def __init__(self, size: int, fails: bool = False) -> None:
        self.left = size
        self.fails = fails
        self.was_closed = False
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        if self.left <= 0:
            if self.fails:
                raise Corrupt("The bytes are wrong.")
            return b""
        chunk = b"x" * min(size, self.left)
        self.left -= len(chunk)
        self.read_bytes += len(chunk)
        return chunk

    def close(self) -> None:
        self.was_closed = True


async def _is_closed(stream: _Stream) -> bool:
    for _ in range(100):
        if stream.was_closed:
            return True
        await asyncio.sleep(0.05)  # it is closed in a thread, after the client has its last byte
    return False


FILE = f"dsp/api/v1/train/runs/{RUN}/file"


@pytest.mark.parametrize("size", [0, 1, CHUNK, 3 * CHUNK + 7])
@pytest.mark.parametrize("is_known", [True, False])
async def test_download_is_whole(jp_fetch: Any, replace: Callable[..., None], size: int, is_known: bool) -> None:
    stream = _Stream(size)
    replace(train=_Train(Download("mödel “1”.keras", stream, size if is_known else None, "text/html")))
    answer = await jp_fetch(FILE, params={"path": "a"})
    assert len(answer.body) == size
    assert await _is_closed(stream)
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"m_del _1_.keras\"; filename*=UTF-8''m%C3%B6del%20%E2%80%9C1%E2%80%9D.keras"
    )
    if is_known:
        assert answer.headers["Content-Length"] == str(size)


async def test_download_that_fails_at_once_is_an_error(jp_fetch: Any, replace: Callable[..., None]) -> None:
    stream = _Stream(0, fails=True)
    replace(train=_Train(Download("a", stream, 10)))
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch(FILE, params={"path": "a"})
    assert json.loads(caught.value.response.body)["code"] == "corrupt"
    assert "Content-Disposition" not in caught.value.response.headers
    assert await _is_closed(stream)


@pytest.mark.parametrize("announced", [3 * CHUNK, None])
async def test_download_that_breaks_off_never_looks_whole(
    jp_fetch: Any, replace: Callable[..., None], announced: int | None
) -> None:
    stream = _Stream(2 * CHUNK, fails=True)
    replace(train=_Train(Download("a", stream, announced)))
    with pytest.raises(Exception, match=r"(?i)closed|599"):
        await jp_fetch(FILE, params={"path": "a"})
    assert await _is_closed(stream)


@pytest.mark.parametrize("announced", [5, 3 * CHUNK])
async def test_download_of_another_length_than_said_never_looks_whole(
    jp_fetch: Any, replace: Callable[..., None], announced: int
) -> None:
    stream = _Stream(2 * CHUNK)
    replace(train=_Train(Download("a", stream, announced)))
    with pytest.raises(Exception, match=r"(?i)closed|599|500"):
        await jp_fetch(FILE, params={"path": "a"})
    assert await _is_closed(stream)


async def test_download_of_a_client_that_leaves_is_released(
    jp_fetch: Any, jp_http_port: int, jp_auth_header: dict[str, str], jp_base_url: str, replace: Callable[..., None]
) -> None:
    import socket

    stream = _Stream(10**12)
    replace(train=_Train(Download("a", stream, 10**12)))
    connection = IOStream(socket.socket())
    await connection.connect(("127.0.0.1", jp_http_port))
    head = f"GET {jp_base_url}{FILE}?path=a HTTP/1.1\r\nHost: 127.0.0.1:{jp_http_port}\r\n"
    await connection.write((head + f"Authorization: {jp_auth_header['Authorization']}\r\n\r\n").encode())
    await connection.read_bytes(2 * CHUNK)
    await asyncio.sleep(0.3)
    assert stream.read_bytes < 64 * 2**20, "the whole file is read although nobody takes it"
    assert not stream.was_closed
    connection.close()
    assert await _is_closed(stream)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a.zip", "a.zip"),
        ("../../etc/x", "x"),
        ('a"b;\r\nX: y', "a_b_X_ y"),
        ("", "download"),
        ("..\\x", "x"),
        ("\ud800", "_"),
    ],
)
def test_file_name_cannot_break_the_header(name: str, plain: str) -> None:
    header = disposition(name)
    assert header.startswith(f'attachment; filename="{plain}"; ')
    assert header.isascii()
    assert "\r" not in header
    assert "\n" not in header


async def test_log_text_arrives_as_it_is(jp_fetch: Any, replace: Callable[..., None]) -> None:
    text = "🐍 \x1b[31m \ufffd </script> \u2028"
    replace(train=_Train(LogChunk(text=text, start=0, next=1, size=1, is_final=True)))
    assert json.loads((await jp_fetch(f"dsp/api/v1/train/runs/{RUN}/log")).body)["text"] == text
