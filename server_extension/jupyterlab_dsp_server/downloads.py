"""Bytes to the browser, a chunk at a time."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tornado.iostream import StreamClosedError

if TYPE_CHECKING:
    from jupyterlab_dsp.system import Download

    from .endpoint import Endpoint

CHUNK = 512 * 1024


async def send(handler: Endpoint, download: Download, run: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
    """Send a download as an attachment. The stream is closed whatever happens.

    run: calls a function in a thread.
    """
    try:
        first = await run(lambda: download.stream.read(CHUNK))  # before the headers: may still become an error
        handler.set_header("Content-Type", download.media_type)
        handler.set_header("Content-Disposition", disposition(download.filename))
        handler.set_header("X-Content-Type-Options", "nosniff")
        # a stored file may be a page with a script: it must never run with the rights of this server
        handler.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        if download.size_bytes is not None:
            handler.set_header("Content-Length", str(download.size_bytes))
        await _send_rest(handler, download, first, run)
    finally:
        await run(download.stream.close)


async def _send_rest(
    handler: Endpoint, download: Download, chunk: bytes, run: Callable[[Callable[[], Any]], Awaitable[Any]]
) -> None:
    try:
        while chunk:
            handler.write(chunk)
            await handler.flush()  # waits for a slow client, so that one chunk is in memory and not the file
            chunk = await run(lambda: download.stream.read(CHUNK))
        await handler.finish(set_content_type=download.media_type)
    except StreamClosedError:
        pass  # the client left; what we hold is released by the caller
    except Exception:
        # the status is sent already: only a broken connection tells the client that this is not the whole file
        handler.log.exception("The download of %s broke off", download.filename)
        handler.request.connection.stream.close()


def disposition(filename: str) -> str:
    """Header that names the file, also one with letters outside ASCII (RFC 6266)."""
    name = re.sub(r"[\x00-\x1f\x7f]", "", filename.replace("\\", "/").rsplit("/", 1)[-1])[:200] or "download"
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
