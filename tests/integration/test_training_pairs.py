"""A site trains on its own DICOM files, exports a model, and its node answers with that."""

import csv
from pathlib import Path

import numpy as np
import pytest

from builders import CARD_TEXT
from commands import PATIENCE_SECONDS, SETTINGS, run, running, write_settings
from examinations import ct, file_of, mumap, nac, write
from mumap_node.dicom.files import read_dataset
from mumap_node.dicom.geometry import read_geometry, read_slice_numbers
from mumap_node.dicom.pixels import stored_values
from peers import RecordingScp, store
from waiting import wait_until

SIZES = (0.92, 0.97, 1.0, 1.04, 1.08)

QUICKLY = (
    "--epochs", 2, "--spacing", 13.2, "--validation", 0.3,
    "--device", "cpu", "--threads", 1,
)  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Five patients: three with CTs, two with vendors' maps, one of which lies elsewhere."""
    for number, size in enumerate(SIZES):
        folder = tmp_path / "site" / f"EXAM{number}"
        shift_mm = (0, 40, 0) if number == 4 else (0, 0, 0)
        truth = (
            ct(number, scale=size) if number < 3 else [mumap(number, scale=size, shift_mm=shift_mm)]
        )
        write(folder, nac(number, scale=size), *truth)
    return tmp_path / "site"


def unlimited_card(folder: Path) -> Path:
    """Two epochs teach no plausible torso; what is tested is the way, not the map."""
    _, limits = CARD_TEXT.format(sha256="").split("[limits]")
    path = folder / "card.toml"
    path.write_text("[limits]" + limits.split("[golden]")[0])
    return path


def test_a_sites_pairs_become_a_model_that_its_node_answers_with(tmp_path, site):
    trained = run("train", "--pairs", site, "-o", tmp_path / "run", *QUICKLY)

    assert trained.returncode == 0, trained.stderr
    with (tmp_path / "run" / "doubtful.csv").open() as file:
        assert [row["reason"] for row in csv.DictReader(file)] == ["misregistered"]
    assert "4 real patients" in trained.stdout
    written = [path for path in (tmp_path / "run").iterdir() if path.suffix in (".csv", ".json")]
    said = trained.stdout + trained.stderr + "".join(path.read_text() for path in written)
    assert "TOY" not in said

    exported = run(
        "export", tmp_path / "run", "--name", "toy", "-o", tmp_path / "models",
        "--card", unlimited_card(tmp_path),
    )  # fmt: skip
    assert exported.returncode == 0, exported.stderr

    image = tmp_path / "stress.dcm"
    source = nac(number=7, scale=1.02)
    image.write_bytes(file_of(source))
    text = SETTINGS.replace("[node]", '[node]\nmodels_dir = "models"')
    with RecordingScp() as archive:
        settings = write_settings(tmp_path, archive.port, text.replace("uniform-body-1.0", "toy"))
        assert run("models", "verify", "-c", settings).returncode == 0
        with running("serve", "-c", settings, log=tmp_path / "log") as node:
            port = int(node.wait_for("receiver.started")["port"])
            assert store(port, image, called="MUMAP").returncode == 0
            (received,) = wait_until(lambda: archive.received, PATIENCE_SECONDS)

    answer = received.dataset()
    assert "model toy-1.0" in answer.DerivationDescription
    assert place(answer) == pytest.approx(place(read_dataset(file_of(source))))
    assert np.count_nonzero(stored_values(answer)) > 0


def place(dataset):
    """Where the voxels lie."""
    numbers = read_slice_numbers(dataset)
    return read_geometry(dataset, numbers, dataset.Rows, dataset.Columns).affine.ravel().tolist()


def test_a_run_is_continued_only_when_asked(tmp_path, site):
    begun = run("train", "--pairs", site, "-o", tmp_path / "run", *QUICKLY)
    again = run("train", "--pairs", site, "-o", tmp_path / "run", *QUICKLY)
    longer = run("train", "-o", tmp_path / "run", "--resume", "--epochs", 3, "--threads", 1)

    assert begun.returncode == 0, begun.stderr
    assert (again.returncode, again.stderr.split(":")[0]) == (2, "run-exists")
    assert longer.returncode == 0, longer.stderr
    with (tmp_path / "run" / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]
