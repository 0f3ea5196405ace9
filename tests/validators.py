"""What independent programs say about an object: dciodvfy and dcentvfy of dicom3tools."""

import re
import subprocess
from pathlib import Path

IODS = {"CTImage", "KeyObjectSelectionDocument", "NMImage", "ParametricMap", "SCImage"}
"""Names of the IODs we write, as dciodvfy says which one it found."""


def dciodvfy(file: Path) -> list[str]:
    """The report on one object, line by line.

    Its exit code is no verdict: it is 0 with some errors. A report without the name of an IOD has
    not looked at the modules.
    """
    done = subprocess.run(["dciodvfy", str(file)], check=False, capture_output=True, timeout=60)
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    if IODS.isdisjoint(lines):
        raise AssertionError(f"expected dciodvfy to see one of {IODS}, found {lines}")
    return lines


def errors(file: Path) -> list[str]:
    """The lines of dciodvfy that report an error, wherever in the line it says so."""
    return [line for line in dciodvfy(file) if re.search(r"\bError\b", line)]


def warnings_of(file: Path) -> list[str]:
    """The lines of dciodvfy that report a warning."""
    return [line for line in dciodvfy(file) if re.search(r"\bWarning\b", line)]


def dcentvfy(*files: Path) -> str:
    """What contradicts itself between objects of one study; empty where nothing does."""
    done = subprocess.run(
        ["dcentvfy", *map(str, files)], check=False, capture_output=True, timeout=60
    )
    return (done.stdout + done.stderr).decode("utf-8", "replace").strip()
