"""The pages of peers and of IHE name tests that are there, all of them, and versions that are."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
MATRIX = (DOCS / "interoperability.md").read_text(encoding="utf-8")
IHE = (DOCS / "ihe.md").read_text(encoding="utf-8")

VERSIONS = {
    "DCMTK": ("storescu", "--version"),
    "Orthanc": ("Orthanc", "--version"),
    "GDCM": ("gdcminfo", "--version"),
    "dcm2niix": ("dcm2niix", "--version"),
    "rsyslog": ("rsyslogd", "-v"),
    "dicom3tools": ("dciodvfy", "-version"),
}
"""How each program tells its version."""


def named(page: str) -> set[str]:
    """Ids of tests in the tables of a page, from the folder of tests."""
    return set(re.findall(r"`([a-z_/]+\.py::(?:Test\w+::)?test_\w+)` \|$", page, re.MULTILINE))


def functions(marked: bool) -> Iterator[str]:
    """Ids of all tests, or of those with the mark, by themselves or by their module."""
    for file in TESTS.rglob("test_*.py"):
        module = ast.parse(file.read_text(encoding="utf-8"))
        by_module = any(
            "mark.peers" in ast.unparse(node)
            for node in module.body
            if isinstance(node, ast.Assign)
        )
        for name, node in each_test(module):
            own = any(ast.unparse(one) == "pytest.mark.peers" for one in node.decorator_list)
            if own or by_module or not marked:
                yield f"{file.relative_to(TESTS).as_posix()}::{name}"


def each_test(module: ast.Module | ast.ClassDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Name and code of every test, those of classes included."""
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}::{name}", test) for name, test in each_test(node))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, node


@pytest.mark.parametrize("page", [MATRIX, IHE], ids=["interoperability", "ihe"])
def test_every_test_a_page_names_is_there(page):
    assert named(page)
    assert named(page) - set(functions(marked=False)) == set()


def test_every_module_with_the_software_of_others_has_its_rows():
    modules, told = (
        {test.partition("::")[0] for test in tests}
        for tests in (functions(marked=True), named(MATRIX))
    )
    assert modules - told == set()


@pytest.mark.parametrize("program", VERSIONS)
def test_the_versions_that_are_installed_are_those_of_the_matrix(program):
    row = re.search(rf"^\| {program} \| (.+) \|$", MATRIX, re.MULTILINE)
    assert row is not None
    told = subprocess.run(VERSIONS[program], capture_output=True, text=True, check=False)

    assert any(version in told.stdout + told.stderr for version in row[1].split(", "))
