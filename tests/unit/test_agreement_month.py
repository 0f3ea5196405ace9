"""The parts of the experiment that lay a month of studies into a node."""

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from builders import nac_file, torso_counts
from mumap_node.dicom.files import read_dataset
from mumap_node.node.spool.files import Spool
from mumap_node.node.worker.admission import InboxName

AT = datetime(2026, 10, 3, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def month() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "agreement_month.py"
    spec = importlib.util.spec_from_file_location("agreement_month", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def study(tmp_path: Path) -> Path:
    file = tmp_path / "nac.dcm"
    file.write_bytes(nac_file(voxels=torso_counts((24, 32, 32))))
    return file


def test_a_study_lies_in_the_inbox_as_if_it_had_come_then(month, study, tmp_path):
    laid = month.lay_in(Spool(tmp_path / "data"), study, AT)
    assert abs(InboxName.of(laid).received_at - AT) < timedelta(milliseconds=1)
    assert laid.read_bytes() == study.read_bytes()


def test_a_smoothed_study_is_the_same_instance_with_the_same_counts_less_sharp(
    month, study, tmp_path
):
    laid = month.lay_in(Spool(tmp_path / "data"), study, AT, blur_mm=12.0)
    before, after = read_dataset(study.read_bytes()), read_dataset(laid.read_bytes())
    assert after.SOPInstanceUID == before.SOPInstanceUID
    sharp, soft = (one.pixel_array.astype(float) for one in (before, after))
    assert soft.shape == sharp.shape
    assert soft.sum() == pytest.approx(sharp.sum(), rel=0.02)
    for axis in range(3):
        steepest = [np.abs(np.diff(one, axis=axis)).max() for one in (soft, sharp)]
        assert steepest[0] < 0.7 * steepest[1]
