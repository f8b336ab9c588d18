"""One tree of errors. Raise these; one writer turns them into HTTP or text.

DspError                       code                 HTTP
 ├── InvalidInput              invalid_input        400   a field is missing, wrong or unknown
 │    ├── CellNotRunnable      cell_not_runnable    400   a cell cannot become part of a job
 │    └── UnknownParameter     unknown_parameter    400   -p names nothing that the code assigns
 ├── NotAllowed                not_allowed          403   the caller may not do this
 ├── NotFound                  not_found            404   no such run, model, version, ...
 ├── Conflict                  conflict             409   somebody else was faster, or the state forbids it
 ├── UnsafeFormat              unsafe_format        409   loading would run code; the caller did not allow it
 ├── TooLarge                  too_large            413   the input is over a limit
 ├── Corrupt                   corrupt              500   stored bytes are not what was stored
 ├── ProofFailed               proof_failed         422   the exported cells do not run in a fresh process
 ├── Unavailable               unavailable          503   a part that this needs is missing or not answering
 └── ExtraMissing              extra_missing        503   an optional package must be installed first
"""

from __future__ import annotations

from typing import Any, ClassVar


class DspError(Exception):
    """Root of all errors that the platform raises on purpose.

    message: one sentence for the user.  hint: what to do next.  details: machine-readable facts,
    among them ``field`` where one input field is at fault.
    """

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def to_dict(self) -> dict[str, Any]:
        """The wire form: contract type ``ErrorBody``."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "details": self.details}


class InvalidInput(DspError):
    """A field of the input is missing, wrong or unknown; ``details['field']`` names it."""

    code = "invalid_input"
    http_status = 400


class CellNotRunnable(InvalidInput):
    """A cell cannot become part of a job; the message names the cell and the line."""

    code = "cell_not_runnable"


class UnknownParameter(InvalidInput):
    """``-p name=value`` names nothing that the code assigns at top level."""

    code = "unknown_parameter"


class NotAllowed(DspError):
    """The caller may not do this."""

    code = "not_allowed"
    http_status = 403


class NotFound(DspError):
    """No such run, model, version, alias, file or operation."""

    code = "not_found"
    http_status = 404

    @classmethod
    def of(cls, noun: str, name: str, hint: str | None = None) -> NotFound:
        return cls(f"There is no {noun} '{name}'.", hint=hint, noun=noun, name=name)


class Conflict(DspError):
    """Somebody else was faster, or the state of the thing forbids it."""

    code = "conflict"
    http_status = 409


class UnsafeFormat(DspError):
    """Loading would run code that comes with the file, and the caller did not allow it."""

    code = "unsafe_format"
    http_status = 409


class TooLarge(DspError):
    """The input is over a limit; the message says which and what the limit is."""

    code = "too_large"
    http_status = 413


class ProofFailed(DspError):
    """The exported cells do not run in a fresh process."""

    code = "proof_failed"
    http_status = 422


class Corrupt(DspError):
    """Stored bytes are not what was stored."""

    code = "corrupt"
    http_status = 500


class Unavailable(DspError):
    """A part that this needs is missing or does not answer."""

    code = "unavailable"
    http_status = 503


class ExtraMissing(Unavailable):
    """An optional package must be installed first; the hint names the extra."""

    code = "extra_missing"

    @classmethod
    def of(cls, package: str, extra: str) -> ExtraMissing:
        return cls(
            f"This needs the package '{package}', which is not installed here.",
            hint=f"Install it with: pip install 'jupyterlab-dsp[{extra}]'",
            package=package,
            extra=extra,
        )
