"""The pool is bounded and fair; the event loop never waits for a service."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyterlab_dsp.contract.train import Curves, LogChunk
from jupyterlab_dsp_server.errors import TooBusy
from jupyterlab_dsp_server.pool import Gone, Pool

RUN = "0123456789ab"


class _Slow:
    """A train service whose curves take a while."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.calls = 0
        self.release = threading.Event()
        self._lock = threading.Lock()

    def curves(self, request: Any) -> Curves:
        with self._lock:
            self.running += 1
            self.calls += 1
            self.most = max(self.most, self.running)
        self.release.wait(20)
        with self._lock:
            self.running -= 1
        return Curves(run_id=request.run_id, state="running", series=[])

    def log(self, request: Any) -> LogChunk:
        return LogChunk(text="", start=0, next=0, size=0, is_final=False)

    def settle_active(self) -> list[str]:
        return []


async def test_fifty_slow_calls_do_not_block_a_fast_one(jp_fetch: Any, replace: Callable[..., None]) -> None:
    slow = _Slow()
    replace(train=slow)
    # the test client opens ten connections at most; many clients is what we want to see
    from tornado.simple_httpclient import SimpleAsyncHTTPClient

    client = jp_fetch.__closure__ and next(
        cell.cell_contents for cell in jp_fetch.__closure__ if isinstance(cell.cell_contents, SimpleAsyncHTTPClient)
    )
    client.max_clients = 200
    calls = [asyncio.ensure_future(jp_fetch(f"dsp/api/v1/train/runs/{RUN}/curves")) for _ in range(50)]
    while slow.running < 16:
        await asyncio.sleep(0.01)
    began = time.perf_counter()
    await jp_fetch("dsp/api/v1/system/info")
    await jp_fetch(f"dsp/api/v1/train/runs/{RUN}/log")
    await jp_fetch("api/status")
    took_s = time.perf_counter() - began
    slow.release.set()
    answers = await asyncio.gather(*calls)
    assert all(answer.code == 200 for answer in answers)
    assert took_s < 1.0
    assert slow.most == 16


async def test_one_call_too_many_is_told_to_come_back(
    dsp_app: Any, jp_fetch: Any, replace: Callable[..., None]
) -> None:
    slow = _Slow()
    replace(train=slow)
    dsp_app.pool = Pool(threads=4, per_operation=1, waiting=1)
    calls = [asyncio.ensure_future(jp_fetch(f"dsp/api/v1/train/runs/{RUN}/curves")) for _ in range(2)]
    while slow.running < 1 or dsp_app.pool._queued["train.curves"] < 1:
        await asyncio.sleep(0.01)
    with pytest.raises(HTTPClientError) as caught:
        await jp_fetch(f"dsp/api/v1/train/runs/{RUN}/curves")
    assert caught.value.code == 503
    assert caught.value.response.headers["Retry-After"] == "1"
    assert json.loads(caught.value.response.body)["code"] == "too_busy"
    assert (await jp_fetch(f"dsp/api/v1/train/runs/{RUN}/log")).code == 200
    slow.release.set()
    assert [answer.code for answer in await asyncio.gather(*calls)] == [200, 200]


async def test_call_of_a_client_that_left_is_not_begun() -> None:
    pool = Pool(threads=2, per_operation=1)
    release = threading.Event()
    first = asyncio.ensure_future(pool.run("a", lambda: release.wait(10)))
    await asyncio.sleep(0.05)
    done: list[int] = []
    second = asyncio.ensure_future(pool.run("a", lambda: done.append(1), is_gone=lambda: True))
    release.set()
    await first
    with pytest.raises(Gone):
        await second
    assert not done
    pool.close()


async def test_refused_and_failed_calls_give_their_turn_back() -> None:
    pool = Pool(threads=2, per_operation=1, waiting=0)
    release = threading.Event()
    first = asyncio.ensure_future(pool.run("a", lambda: release.wait(10)))
    await asyncio.sleep(0.05)
    with pytest.raises(TooBusy):
        await pool.run("a", lambda: 1)
    release.set()
    await first
    with pytest.raises(ZeroDivisionError):
        await pool.run("a", lambda: 1 // 0)
    assert await pool.run("a", lambda: 2) == 2
    pool.close()
