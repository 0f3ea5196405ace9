"""Which processes of the node are alive: each holds a lock in the spool for as long as it lives.

A lock cannot be stale: the kernel gives it back when its process ends, however it ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def present(run: Path, component: str) -> Iterator[None]:
    """Be seen as alive; several processes of one component may be.

    Args:
        run: Folder of the locks (`Spool.run`).
        component: Such as "worker".
    """
    descriptor = os.open(_file(run, component), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits for as long as somebody is looking
        yield
    finally:
        os.close(descriptor)


def is_present(run: Path, component: str) -> bool:
    """Whether a process of this component lives, on this host or one that shares the spool.

    Raises:
        OSError: The spool cannot be read.
    """
    try:
        descriptor = os.open(_file(run, component), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)  # gives the lock back too


def try_lock(descriptor: int) -> bool:
    """Whether nobody else holds the lock of an open file; then it is ours until that is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _file(run: Path, component: str) -> Path:
    return run / f"{component}.present"
