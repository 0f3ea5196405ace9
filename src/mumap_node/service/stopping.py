"""When a process is asked to stop: by a signal, or because its supervisor is gone."""

import os
import select
import signal
import time
from types import FrameType, TracebackType
from typing import Self

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""SIGTERM from a service manager, SIGINT from a terminal: both drain."""


class StopRequest:
    """Waits for the word to stop, without missing it and without polling.

    To be used in the main thread. A signal handler only sets a flag; what wakes the waiting
    thread is the pipe of ``signal.set_wakeup_fd``, since a handler must not touch a lock.
    """

    def __init__(self, supervisor_pipe: int | None = None) -> None:
        """Listen for signals from now on.

        Args:
            supervisor_pipe: Reading end of a pipe the supervisor holds open; when it closes, even
                by kill -9, the process is asked to stop. None without a supervisor.
        """
        self._asked = False
        self._supervisor_pipe = supervisor_pipe
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._old_wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._old_handlers = {number: signal.signal(number, self._ask) for number in STOP_SIGNALS}
        # A handler that does nothing: without one, the end of a child would wake nobody.
        self._old_handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _ignore)

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        return self._asked

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep until asked to stop, or until the time is over; True where asked."""
        return self._wait(seconds, wakes_at_child=False)

    def wait_or_child(self, seconds: float | None = None) -> bool:
        """Sleep until asked to stop, a child ended, or the time is over; True where asked."""
        return self._wait(seconds, wakes_at_child=True)

    def _wait(self, seconds: float | None, *, wakes_at_child: bool) -> bool:
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._asked:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            ready, _, _ = select.select(self._descriptors(), [], [], left)
            if not ready:
                break
            if self._reader in ready:
                has_child_ended = signal.SIGCHLD in os.read(self._reader, 4096)
                if has_child_ended and wakes_at_child:
                    break
            if self._supervisor_pipe in ready and not os.read(self._supervisor_pipe, 4096):
                self._asked = True
        return self._asked

    def close(self) -> None:
        """Give the signals back."""
        signal.set_wakeup_fd(self._old_wakeup)
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _descriptors(self) -> list[int]:
        pipe = self._supervisor_pipe
        return [self._reader] if pipe is None else [self._reader, pipe]

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Nothing to do: the wakeup pipe tells."""
