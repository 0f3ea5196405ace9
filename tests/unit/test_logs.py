"""Logs are JSON lines that cannot carry a patient's name, whoever writes them."""

import io
import json
import logging
import sys
import threading
import warnings

import pytest
import structlog

from mumap_node import logs

NAME = "Doe^Jane"


class Failing(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


@pytest.fixture
def configure():
    """Configures the logs as a process does, and takes everything back."""
    root, show = logging.getLogger(), warnings.showwarning
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    unraisable = sys.unraisablehook

    def configure(stream=None) -> io.StringIO:
        stream = stream or io.StringIO()
        logs.configure("worker", stream)
        warnings.showwarning = show  # pytest's own; the hook is called by its name below
        return stream

    yield configure
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks
    sys.unraisablehook = unraisable
    for name in logs.QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail() -> None:
    patient = NAME  # a local variable, as tracebacks like to show them
    raise ValueError(f"cannot read {patient}")


def test_a_line_is_json_and_says_when_who_and_what(configure):
    stream = configure()
    structlog.get_logger().info("job.started", job_id="0a1b")
    (line,) = lines(stream)
    assert line["event"] == "job.started"
    assert line["component"] == "worker"
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")
    assert line["job_id"] == "0a1b"


def test_a_key_nobody_listed_is_dropped_and_named(configure):
    stream = configure()
    structlog.get_logger().info("job.started", patient_name=NAME, job_id="0a1b")
    (line,) = lines(stream)
    assert line["dropped_keys"] == ["patient_name"]
    assert NAME not in stream.getvalue()


def test_what_is_bound_appears_on_every_line(configure):
    stream = configure()
    with structlog.contextvars.bound_contextvars(job_id="0a1b"):
        structlog.get_logger().info("job.started")
    assert lines(stream)[0]["job_id"] == "0a1b"


def test_lines_of_other_threads_say_who_writes_too(configure):
    stream = configure()
    thread = threading.Thread(target=lambda: structlog.get_logger().info("job.started"))
    thread.start()
    thread.join()
    assert lines(stream)[0]["component"] == "worker"


def test_an_exception_shows_type_and_place_but_neither_text_nor_variables(configure):
    stream = configure()
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("job.failed")
    (line,) = lines(stream)
    assert line["exception"] == "ValueError"
    assert any("test_logs.py" in place and place.endswith(" fail") for place in line["traceback"])
    assert NAME not in stream.getvalue()


@pytest.mark.parametrize("name", ["pydicom", "pynetdicom.acse", "dbos", "anything.else"])
def test_what_a_library_says_passes_without_its_words(configure, name):
    stream = configure()
    logging.getLogger(name).warning("Invalid value for VR PN: '%s'", NAME)
    (line,) = lines(stream)
    assert line["event"] == "library.reported"
    assert line["logger"] == name
    assert "test_logs.py" in line["location"]
    assert NAME not in stream.getvalue()


def test_talkative_libraries_are_heard_from_warning_on(configure):
    stream = configure()
    for name in logs.QUIET_LIBRARIES:
        logging.getLogger(name).info("identifier %s", NAME)
    assert stream.getvalue() == ""


def test_an_exception_a_library_logs_shows_no_text(configure):
    stream = configure()
    try:
        fail()
    except ValueError:
        logging.getLogger("dbos").exception("failed for %s", NAME)
    assert lines(stream)[0]["exception"] == "ValueError"
    assert NAME not in stream.getvalue()


def test_a_warning_shows_its_category_and_place_but_not_its_text(configure):
    stream = configure()
    logs._report_warning(UserWarning(f"Invalid value {NAME}"), UserWarning, "x.py", 7)
    (line,) = lines(stream)
    assert line["exception"] == "UserWarning"
    assert line["location"] == "x.py:7"
    assert NAME not in stream.getvalue()


def test_what_nobody_caught_is_logged_without_its_text(configure):
    stream = configure()
    logs.report_unhandled()
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    assert [line["event"] for line in lines(stream)] == ["thread.failed", "process.failed"]
    assert NAME not in stream.getvalue()


def test_a_log_that_cannot_be_written_fails_nobody(configure):
    configure(Failing())
    structlog.get_logger().info("instance.stored")
