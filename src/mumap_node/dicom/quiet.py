"""Keep pydicom quiet: its warnings and log lines quote element values, which are patient data."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ONE_AT_A_TIME = threading.RLock()
"""Warning filters belong to the whole process: two threads that saved and restored them in turn
could leave them off for good."""


_LOGGERS = ("pydicom", "openjpeg", "pylibjpeg")


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what pydicom and its decoders say; also a decorator.

    Whatever matters is checked by us and told without values; see the reasons of InputRejected.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        levels = {name: logging.getLogger(name).level for name in _LOGGERS}
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
