"""Errors that only a web server has, and how any exception becomes the one JSON body of errors."""

from __future__ import annotations

import secrets
from typing import ClassVar

from tornado.web import HTTPError

from jupyterlab_dsp.errors import DspError, InvalidInput, NotAllowed, NotFound, TooLarge, Unavailable


class MethodNotAllowed(DspError):
    """The route exists, but not for this HTTP verb."""

    code = "method_not_allowed"
    http_status = 405


class WrongContentType(InvalidInput):
    """The body is not declared as JSON."""

    code = "wrong_content_type"
    http_status = 415


class TooBusy(Unavailable):
    """Too many calls wait already; nothing was done."""

    code = "too_busy"
    retry_after_s: ClassVar[int] = 1

    @classmethod
    def now(cls) -> TooBusy:
        return cls(
            "The server has too much to do at the moment.", hint="Try again soon.", retry_after_s=cls.retry_after_s
        )


class Unexpected(DspError):
    """A fault of ours: the log has the traceback, the client gets the id under which to find it."""

    @classmethod
    def new(cls) -> Unexpected:
        id_ = secrets.token_hex(4)
        return cls(
            "Something went wrong inside the platform.",
            hint=f"The server's log says more; look there for {id_}.",
            id=id_,
        )


_BY_STATUS: dict[int, type[DspError]] = {
    400: InvalidInput,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: WrongContentType,
    503: Unavailable,
}


def as_dsp_error(exception: BaseException | None, status: int = 500) -> tuple[DspError, int]:
    """(what to say, HTTP status) of whatever was raised."""
    if isinstance(exception, DspError):
        return exception, exception.http_status
    if isinstance(exception, HTTPError):  # of tornado or of the Jupyter server: token, XSRF, origin, permission
        status = exception.status_code
        message = exception.get_message() if hasattr(exception, "get_message") else exception.log_message
        if status < 500:
            type_ = _BY_STATUS.get(status, InvalidInput)
            return type_(_sentence(message or _default(status))), status
    elif exception is None and status < 500:
        return _BY_STATUS.get(status, InvalidInput)(_default(status)), status
    return Unexpected.new(), 500


def _sentence(message: str) -> str:
    return message if message.endswith((".", "!", "?")) else message + "."


def _default(status: int) -> str:
    return {
        401: "This needs the token of the server, or a login.",
        403: "This needs the token of the server, or a login.",
        404: "There is nothing here.",
        405: "This HTTP verb is not offered here.",
    }.get(status, "The request cannot be answered.")
