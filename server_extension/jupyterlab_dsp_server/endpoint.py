"""What all handlers share: who may come in, how a body is taken, how an answer and an error are written."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_server.base.handlers import APIHandler
from tornado.concurrent import future_set_result_unless_cancelled
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, stream_request_body

from jupyterlab_dsp.contract.base import ErrorBody
from jupyterlab_dsp.contract.operations import Operation
from jupyterlab_dsp.errors import DspError, TooLarge
from jupyterlab_dsp.system import Download

from .downloads import send
from .errors import TooBusy, as_dsp_error
from .pool import Gone
from .requests import read_request, takes_body

if TYPE_CHECKING:
    from .application import DspApp

#: Where an operation takes no body, this much of one is read, only to refuse it politely.
_SMALL = 64 * 1024
_MEGABYTE = 2**20


@stream_request_body  # so that a stranger, or a body over the limit, is refused before the body is in memory
class Endpoint(APIHandler):  # type: ignore[misc]
    """A route below ``/dsp``."""

    def initialize(self, app: DspApp, path: Mapping[str, str] | None = None, allowed: tuple[str, ...] = ()) -> None:
        """Called by tornado with what the router found: fields in the path, or the verbs offered instead."""
        self.app = app
        self.allowed = allowed
        self.in_path = path or {}
        self.body = bytearray()
        self.is_gone = False
        self._received = 0
        self._is_dropping = False
        self._failure: tuple[DspError, int] | None = None

    # ---- the way in

    def body_limit(self) -> int:
        """Bytes of body that this route takes."""
        return _SMALL

    async def prepare(self) -> None:
        """Token, XSRF, origin as the Jupyter server checks them; then the size that the client announces."""
        try:
            await super().prepare()
            if self.request.method == "OPTIONS":
                return
            if not self.current_user:
                raise HTTPError(403)
            self._check_size(self._announced())
        except Exception:
            await self._drop_body()
            raise

    def data_received(self, chunk: bytes) -> None:
        """Keep what comes, up to one chunk over the limit; the rest is read and dropped."""
        self._received += len(chunk)
        if self._is_dropping:
            if self._received > _MEGABYTE and not self._is_known():
                self.request.connection.stream.close()
        elif len(self.body) <= self.body_limit():
            self.body += chunk

    async def _drop_body(self) -> None:
        """Let the client finish its sentence: closed in the middle of a body, it would never read the refusal.

        A stranger with much to say is cut off all the same.
        """
        if not self._is_known() and self._announced() > _MEGABYTE:
            return
        self._is_dropping = True
        # what tornado does after prepare() returned; here prepare() is about to raise
        future_set_result_unless_cancelled(self._prepared_future, None)
        with contextlib.suppress(StreamClosedError):
            await self.request._body_future

    def _is_known(self) -> bool:
        return bool(getattr(self, "_jupyter_current_user", None))

    def _announced(self) -> int:
        length = self.request.headers.get("Content-Length", "")
        return int(length) if length.isdigit() else 0

    def _check_size(self, size: int) -> None:
        limit = self.body_limit()
        if size > limit:
            raise TooLarge(
                f"The body is larger than {limit} bytes.",
                hint="Clear large outputs of the notebook.",
                limit_bytes=limit,
            )

    def on_connection_close(self) -> None:
        self.is_gone = True
        super().on_connection_close()

    # ---- the way out

    def answer_json(self, body: bytes, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(body)

    def log_exception(self, type_: Any, value: Any, traceback: Any) -> None:
        """Called by tornado before ``write_error``; the access log has expected errors in one line already."""
        self._failure = as_dsp_error(value)
        error, status = self._failure
        if status == 500:
            self.log.error(
                "%s %s failed (%s)",
                self.request.method,
                self.request.path,
                error.details.get("id", error.code),
                exc_info=(type_, value, traceback),
            )

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The one writer of errors."""
        error, status = self._failure or as_dsp_error(None, status_code)
        self.set_status(status)
        if hasattr(self, "_jupyter_current_user"):  # missing where tornado itself refused the verb
            self.set_cors_headers()  # cleared with all headers when the error was met
        self.set_header("X-Content-Type-Options", "nosniff")
        if status == 405:
            self.set_header("Allow", ", ".join((*self.allowed, "OPTIONS")))
        if isinstance(error, TooBusy):
            self.set_header("Retry-After", str(error.retry_after_s))
        self.finish(_error_body(error))


def _error_body(error: DspError) -> bytes:
    try:
        return ErrorBody(**error.to_dict()).model_dump_json().encode()
    except ValueError:  # details that are no JSON: the error itself still has to arrive
        plain = {**error.to_dict(), "details": {name: repr(value) for name, value in error.details.items()}}
        return ErrorBody(**plain).model_dump_json().encode("utf-8", "replace")


class OperationEndpoint(Endpoint):
    """Serves one operation of the table; ``routing.handler_class`` makes a class of each."""

    operation: ClassVar[Operation]

    def body_limit(self) -> int:
        if not takes_body(self.operation):
            return _SMALL
        return self.app.platform.settings.max_notebook_bytes

    async def answer(self) -> None:
        """Check, do, answer. All but the writing happens in a thread of the pool."""
        self._check_size(len(self.body))
        try:
            result = await self.app.pool.run(self.operation.id, self._work, is_gone=lambda: self.is_gone)
        except Gone:
            return
        if isinstance(result, Download):
            await send(self, result, partial(self.app.pool.run, self.operation.id, must=True))
            return
        self.answer_json(result, self.operation.status)
        if self.operation.method != "GET" and self.app.watcher is not None:
            self.app.watcher.look_soon()

    def _work(self) -> Any:
        request = read_request(
            self.operation,
            self.in_path,
            self.request.query,
            self.request.headers.get("Content-Type", ""),
            self.body,
        )
        self.body = bytearray()  # 64 MB need not stay until the answer is sent
        result = self.app.platform.call(self.operation.id, request)
        if isinstance(result, Download):
            if self.is_gone:
                result.stream.close()
            return result
        return result.model_dump_json().encode()
