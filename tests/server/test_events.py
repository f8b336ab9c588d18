"""Events reach the browser's own channel of the Jupyter server, whoever made the change."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from jupyterlab_dsp.contract.system import RecordChanged
from jupyterlab_dsp_server.events import RECORD_CHANGED, SCHEMA_FILE, emit, schema_text, somebody_listens

from .conftest import Server

_CHANGE = """
import sys
from jupyterlab_dsp.platform import Platform
Platform().records.put("model", sys.argv[1], {"name": sys.argv[1]})
"""


def test_schema_is_made_of_the_contract() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m jupyterlab_dsp_server.events"


async def test_event_holds_the_contract_shape(dsp_app: Any, jp_serverapp: Any, jp_ws_fetch: Any) -> None:
    logger = jp_serverapp.event_logger
    assert not somebody_listens(logger)
    socket = await jp_ws_fetch("api", "events", "subscribe")
    while not somebody_listens(logger):
        await asyncio.sleep(0.01)
    change = RecordChanged(area="model", kind="version", scope="m", key="0000000001")
    emit(logger, change)
    message = json.loads(await asyncio.wait_for(socket.read_message(), 5))
    assert message["schema_id"] == RECORD_CHANGED
    assert RecordChanged.model_validate(message) == change
    socket.close()


@pytest.mark.parametrize("wait_s", [0, 4])
def test_change_of_another_process_is_heard_within_two_seconds(server: Server, wait_s: float) -> None:
    """Right after the socket was opened, and when the watcher has settled into its rhythm."""
    import websocket

    url = server.url.replace("http", "ws") + server.base_url + "/api/events/subscribe"
    connection = websocket.create_connection(url, header=[f"Authorization: token {server.token}"], timeout=30)
    try:
        with server.client() as client:
            client.get(f"{server.api}/system/info")
        time.sleep(wait_s + 1)
        name = f"other-process-{wait_s}"
        subprocess.run([sys.executable, "-c", _CHANGE, name], env=server.environment, check=True, timeout=60)
        changed_at = time.monotonic()
        while True:
            message = json.loads(connection.recv())
            if message["schema_id"] == RECORD_CHANGED and message["key"] == name:
                break
        assert time.monotonic() - changed_at < 2.0
        assert (message["area"], message["kind"], message["deleted"]) == ("model", "model", False)
    finally:
        connection.close()


@pytest.mark.slow
def test_real_run_is_told_while_it_prints_and_when_it_ends(server: Server) -> None:
    """Nobody asks for the run's state: the watcher settles it, and tells twice a second at most."""
    import websocket

    url = server.url.replace("http", "ws") + server.base_url + "/api/events/subscribe"
    connection = websocket.create_connection(url, header=[f"Authorization: token {server.token}"], timeout=120)
    source = "import time\nfor number in range(40):\n    print(number, flush=True)\n    time.sleep(0.1)\n"
    body = {"name": "told", "target": "c", "keep": False, "cells": [{"id": "c", "source": source, "index": 0}]}
    try:
        with server.client() as client:
            answer = client.post(f"{server.api}/train/runs", json=body)
            assert answer.status_code == 201, answer.text
            run_id = answer.json()["id"]
            times: list[float] = []
            records = _records(server)
            while True:
                message = json.loads(connection.recv())
                if message.get("key") != run_id:
                    continue
                times.append(time.monotonic())
                document = records.get("run", run_id).doc
                if document["is_final"]:
                    break
            assert document["state"] == "succeeded"
            assert "39" in client.get(f"{server.api}/train/runs/{run_id}/log").json()["text"]
        assert len(times) >= 4
        assert len(times) - 1 <= 2.3 * (times[-1] - times[0]) + 1
    finally:
        connection.close()


def _records(server: Server) -> Any:
    """The server's records, read past its services: asking them would settle the run."""
    from jupyterlab_dsp.platform import Platform
    from jupyterlab_dsp.settings import Settings

    return Platform(Settings(home=server.home)).records
