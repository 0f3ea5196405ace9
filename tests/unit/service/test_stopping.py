"""A process hears the word to stop, whoever says it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from mumap_node.service.stopping import StopRequest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait(number):
    with StopRequest() as stop:
        assert not stop.wait(0)
        os.kill(os.getpid(), number)
        assert stop.wait(30)
        assert stop.asked


def test_a_signal_before_the_wait_is_not_missed():
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        while not stop.asked:
            time.sleep(0)  # until Python has run the handler
        assert stop.wait()


def test_the_end_of_the_supervisor_ends_the_wait():
    reader, writer = os.pipe()
    with StopRequest(reader) as stop:
        assert not stop.wait(0)
        os.close(writer)
        assert stop.wait(30)
    os.close(reader)


def test_the_end_of_a_child_wakes_a_supervisor_without_asking_it_to_stop():
    with StopRequest() as stop, subprocess.Popen([sys.executable, "-c", ""]) as child:
        assert not stop.wait_or_child(30)
        assert child.wait() == 0


def test_the_end_of_a_child_wakes_nobody_else():
    """A library may run a command of its own; that must not end the process."""
    with StopRequest() as stop:
        subprocess.run([sys.executable, "-c", ""], check=True)
        began = time.monotonic()
        assert not stop.wait(0.2)
        assert time.monotonic() - began >= 0.2


def test_signals_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
