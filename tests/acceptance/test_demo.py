"""The demo, as `make demo` runs it."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from pydicom import dcmread


def run_demo(output: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("mumap-node")
    return subprocess.run(
        [command, "demo", "--output", output], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "new"


@pytest.fixture(scope="module")
def demo(output: Path) -> subprocess.CompletedProcess[str]:
    return run_demo(output)


def test_the_demo_ends_with_a_checked_map(
    demo: subprocess.CompletedProcess[str], output: Path
) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert str(output / "map.dcm") in demo.stdout
    for check in ("sent-twice", "body-outline", "true-map", "in-place"):
        assert f"PASS  {check}" in demo.stdout
    assert "FAIL" not in demo.stdout


def test_the_demo_leaves_the_map_and_what_it_was_made_of(
    demo: subprocess.CompletedProcess[str], output: Path
) -> None:
    source, mumap, truth = (
        dcmread(output / name) for name in ("reconstruction.dcm", "map.dcm", "truth.dcm")
    )

    assert mumap.StudyInstanceUID == source.StudyInstanceUID
    assert "SYNTHETIC" in mumap.ImageType
    assert truth.pixel_array.shape == mumap.pixel_array.shape
    with Image.open(output / "overlay.png") as picture:
        assert picture.width > picture.height > 400


def test_no_terminal_colours_in_a_pipe(demo: subprocess.CompletedProcess[str]) -> None:
    assert "\x1b" not in demo.stdout


def test_a_demo_that_cannot_work_says_why_and_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "mumap-node.toml").mkdir()

    failed = run_demo(tmp_path)

    assert failed.returncode == 1
    assert "the demo failed: [Errno 21] Is a directory" in failed.stdout
    assert str(tmp_path / "node.log") in failed.stdout
