"""JSON lines on standard output that cannot carry a patient's name.

Only listed keys pass; whatever a library says passes without its words.
"""

import contextlib
import logging
import os
import sys
import threading
import traceback
import warnings
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SAFE_KEYS = frozenset(
    {
        # every line
        "component", "event", "kind", "level", "pid", "timestamp",
        # what it is about: names from the settings, hashes and ids of our own
        "destination", "instance_id", "job_id", "model", "peer", "route", "series",
        "watch", "workflow_id",
        # the network; settings are the lines a refused peer would need
        "address", "called_ae_title", "calling_ae_title", "port", "settings", "sop_class_uid",
        "status", "transfer_syntax_uid",
        # what happened; a reason's sentence never holds patient data (errors.py)
        "attempt", "bytes", "count", "device", "exit_code", "outcome", "process", "reason", "run",
        "runtime", "seconds", "sentence", "signal", "software_version", "state", "wait_seconds",
        # failures nobody expected: where, never what
        "dropped_keys", "exception", "location", "logger", "traceback",
    }
)  # fmt: skip
"""Keys known to be free of patient data; a new one is added on purpose."""

FIRST_KEYS = ("timestamp", "level", "component", "event")
"""How a line begins, for people who read it."""

QUIET_LIBRARIES = ("dbos", "pydicom", "pynetdicom", "sqlalchemy", "uvicorn")
"""Loggers kept at WARNING: their lower levels log identifiers, or every request."""

_FRAMES = 8  # of a traceback, the innermost: enough to find the line


def configure(component: str, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Set up the logs of this process; the entry point calls it once.

    Args:
        component: Which part of the node the process is.
        stream: Where lines go; standard output by default.
        level: Least level that is written.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _stamp(component),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            name_exception,
            drop_unlisted_keys,
            structlog.processors.JSONRenderer(sort_keys=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_names: _LineWriter(stream or sys.stdout),
        cache_logger_on_first_use=True,
    )
    _bridge_libraries(level)


def report_unhandled() -> None:
    """Log what nobody caught; Python's own hooks would print messages, which may quote values."""
    log = structlog.get_logger()
    sys.excepthook = lambda _type, error, _tb: log.critical("process.failed", exc_info=error)
    threading.excepthook = lambda args: log.critical("thread.failed", exc_info=args.exc_value)
    sys.unraisablehook = lambda args: log.error("thread.failed", exc_info=args.exc_value)


def drop_unlisted_keys(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep only keys known to be free of patient data, and name those that were dropped."""
    dropped = sorted(event.keys() - SAFE_KEYS)
    keys = [*(key for key in FIRST_KEYS if key in event), *event]
    kept = {key: event[key] for key in keys if key in SAFE_KEYS}
    if dropped:
        kept["dropped_keys"] = dropped
    return kept


def name_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and place; its message may quote a patient's data."""
    info = event.pop("exc_info", None)
    error = _exception(info)
    if error is not None:
        event.update(describe(error))
    return event


def describe(error: BaseException) -> dict[str, object]:
    """Type and place of an exception, without its message and without local variables."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"exception": type(error).__qualname__, "traceback": places}


def _stamp(component: str) -> Processor:
    """Say who writes: not by contextvars, which a thread does not inherit."""

    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("component", component)
        event.setdefault("pid", os.getpid())
        return event

    return stamp


class _LineWriter:
    """Writes whole lines; a broken pipe or full disk must not fail what was to be logged."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: closed at exit
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


class _Bridge(logging.Handler):
    """Passes on that a library said something, and where; not what."""

    def emit(self, record: logging.LogRecord) -> None:
        event: dict[str, object] = {
            "logger": record.name,
            "location": f"{record.pathname}:{record.lineno}",
        }
        error = _exception(record.exc_info)
        if error is not None:
            event |= describe(error)
        structlog.get_logger().log(record.levelno, "library.reported", **event)


def _bridge_libraries(level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Bridge()]
    root.setLevel(level)
    for name in QUIET_LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.setLevel(logging.WARNING)
    # Not logging.captureWarnings: its records hold the text, and pydicom's quotes the value.
    warnings.showwarning = _report_warning


def _report_warning(
    message: Warning | str,  # noqa: ARG001  (the text is what must not be written)
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    structlog.get_logger().warning(
        "library.warned", exception=category.__name__, location=f"{filename}:{lineno}"
    )


def _exception(info: object) -> BaseException | None:
    match info:
        case BaseException():
            return info
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
    return None
