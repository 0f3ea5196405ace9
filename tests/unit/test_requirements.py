"""The hashed requirement files hold what pyproject.toml asks for, and nothing of this machine."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TRAIN = PYPROJECT["optional-dependencies"]["train"]
EXTRAS = {"cpu": ("cpu",), "gpu": ("gpu",), "dev": ("cpu", "dev")}
LINUX_311 = {"python_full_version": "3.11.2", "python_version": "3.11", "sys_platform": "linux"}


def locked(name: str) -> dict[str, Version]:
    """Versions by package, for Python 3.11 on Linux."""
    text = (PROJECT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    lines = [line.removesuffix("\\").strip() for line in text.splitlines() if "==" in line]
    requirements = [Requirement(line) for line in lines]
    return {
        requirement.name: Version(next(iter(requirement.specifier)).version)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate(LINUX_311)
    }


@pytest.mark.parametrize("name", EXTRAS)
def test_what_pyproject_asks_for_is_locked(name: str) -> None:
    asked = [*PYPROJECT["dependencies"]]
    for extra in EXTRAS[name]:
        asked += PYPROJECT["optional-dependencies"][extra]
    versions = locked(name)

    for requirement in map(Requirement, asked):
        assert versions[requirement.name] in requirement.specifier, str(requirement)


@pytest.mark.parametrize("name", ["gpu", "dev"])
def test_files_agree_on_versions(name: str) -> None:
    cpu, other = locked("cpu"), locked(name)

    assert {package: other[package] for package in cpu if package in other} == {
        package: version for package, version in cpu.items() if package in other
    }


def test_the_training_framework_is_pinned_apart_from_the_hashed_files() -> None:
    asked = {Requirement(text).name: Requirement(text) for text in TRAIN}
    text = (PROJECT / "requirements" / "torch.txt").read_text(encoding="utf-8")
    (pin,) = [Requirement(line) for line in text.splitlines() if not line.startswith("#")]

    assert next(iter(pin.specifier)).version in asked["torch"].specifier
    assert all("torch" not in locked(name) for name in EXTRAS)
    assert all(locked("dev")[name] in asked[name].specifier for name in asked if name != "torch")


def test_cpu_and_gpu_runtimes_never_meet() -> None:
    assert "onnxruntime-gpu" not in locked("cpu")
    assert "onnxruntime" not in locked("gpu")


@pytest.mark.parametrize("file", sorted((PROJECT / "requirements").iterdir()), ids=lambda f: f.name)
def test_no_requirement_names_a_host_or_a_path(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert re.findall(r"https?:|file:|--index|--find-links|/\w+/", text) == []


@pytest.mark.parametrize("name", ["build", *EXTRAS])
def test_every_requirement_has_its_hashes(name: str) -> None:
    text = (PROJECT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")

    blocks = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)
