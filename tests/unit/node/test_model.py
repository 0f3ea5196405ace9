import hashlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import phantoms
from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.imaging import preprocess, quality
from mumap_node.imaging.volume import Quantity
from mumap_node.node.model import DEFAULT_MODEL, ModelStore, open_model
from mumap_node.node.watchdog import watchdog
from mumap_node.training.torso import analytic_torso

NAME = phantoms.BASELINE.name

SHIPPED = pytest.mark.parametrize("name", [NAME, DEFAULT_MODEL])


@pytest.fixture
def models(tmp_path):
    """A folder of models with one in it: the baseline."""
    shutil.copytree(phantoms.BASELINE, tmp_path / "uniform-body-1.0")
    return tmp_path


def refused(models, name=NAME, device="cpu"):
    with pytest.raises(ConfigurationError) as caught:
        open_model(models, name, device, threads=1)
    return caught.value


def replace_network(models, nodes, *, inputs=("nac",), outputs=("mumap",), rank=5, constants=()):
    """Put another network under the baseline's card, golden answer left alone."""
    kind = TensorProto.FLOAT
    axes = [f"axis_{number}" for number in range(rank)]
    graph = helper.make_graph(
        nodes,
        "other",
        [helper.make_tensor_value_info(name, kind, axes) for name in inputs],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        constants,
    )
    opsets = [helper.make_opsetid("", 17)]
    network = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    put_network(models, network)


def put_network(models, network):
    folder = models / "uniform-body-1.0"
    (folder / "model.onnx").write_bytes(network)
    text = (folder / "model.toml").read_text()
    old = next(line for line in text.splitlines() if line.startswith("sha256"))
    new = f'sha256 = "{hashlib.sha256(network).hexdigest()}"'
    (folder / "model.toml").write_text(text.replace(old, new))


def put_golden(models, given, expected):
    np.save(models / "uniform-body-1.0" / "golden-input.npy", given)
    np.save(models / "uniform-body-1.0" / "golden-output.npy", expected)


@SHIPPED
def test_a_model_is_opened_and_answers(name):
    loaded = open_model(phantoms.MODELS, name, "cpu", threads=2)
    prepared = preprocess.prepare(analytic_torso().emission, loaded.model.card)

    output = loaded.model.predict(prepared.voxels)

    assert output.shape == prepared.voxels.shape
    assert output.dtype == np.float32
    assert loaded.runtime.startswith("onnxruntime 1.")
    assert loaded.runtime.endswith(" CPUExecutionProvider")


@SHIPPED
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_same_input_gives_the_same_bits_whatever_the_threads(name, threads):
    model = open_model(phantoms.MODELS, name, "cpu", threads=1).model
    prepared = preprocess.prepare(analytic_torso().emission, model.card)
    one = model.predict

    other = open_model(phantoms.MODELS, name, "cpu", threads).model.predict

    for _ in range(3):
        assert np.array_equal(other(prepared.voxels), one(prepared.voxels))


# Which model


def test_a_name_without_a_version_means_the_newest(models):
    for version in ("1.2", "1.10", "0.9"):
        shutil.copytree(models / "uniform-body-1.0", models / f"uniform-body-{version}")
    shutil.copytree(models / "uniform-body-1.0", models / "cardiac-2.0")
    (models / "notes").mkdir()
    store = ModelStore(models)

    assert store.identities() == [
        "cardiac-2.0", "uniform-body-0.9", "uniform-body-1.0", "uniform-body-1.2",
        "uniform-body-1.10",
    ]  # fmt: skip
    assert store.resolve("uniform-body") == "uniform-body-1.10"
    assert store.resolve("uniform-body-1.2") == "uniform-body-1.2"


@pytest.mark.parametrize("name", ["uniform", "uniform-body-2.0", "../models/uniform-body-1.0", ""])
def test_a_model_that_is_not_there_is_told_with_those_that_are(models, name):
    error = refused(models, name)

    assert error.reason == "model-missing"
    assert "found uniform-body-1.0" in error.sentence


def test_an_empty_folder_has_no_models(tmp_path):
    assert ModelStore(tmp_path / "absent").identities() == []
    assert "found none" in refused(tmp_path).sentence


def test_a_model_without_its_network_is_missing(models):
    (models / "uniform-body-1.0" / "model.onnx").unlink()

    assert refused(models).reason == "model-missing"


def test_a_card_in_the_wrong_folder_is_refused(models):
    (models / "uniform-body-1.0").rename(models / "uniform-body-3.0")

    error = refused(models, "uniform-body-3.0")

    assert error.reason == "model-card"
    assert "uniform-body-1.0" in error.sentence


def test_an_unknown_key_in_the_card_is_named(models):
    with (models / "uniform-body-1.0" / "model.toml").open("a") as card:
        card.write("tolerence = 2\n")

    error = refused(models)

    assert error.reason == "model-card"
    assert "golden.tolerence" in error.sentence


# Whether it is what it says


def test_a_tampered_network_is_refused(models):
    path = models / "uniform-body-1.0" / "model.onnx"
    network = bytearray(path.read_bytes())
    network[len(network) // 2] ^= 1
    path.write_bytes(network)

    error = refused(models)

    assert error.reason == "model-checksum"
    assert phantoms.card().sha256 in error.sentence


@pytest.mark.parametrize("name", ["golden-input.npy", "golden-output.npy"])
def test_a_tampered_golden_answer_is_refused(models, name):
    path = models / "uniform-body-1.0" / name
    array = np.load(path)
    np.save(path, 1 - array)

    assert refused(models).reason == "model-golden"


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_golden_answer_that_cannot_be_read_is_refused(models, content):
    (models / "uniform-body-1.0" / "golden-output.npy").write_bytes(content)

    assert refused(models).reason == "model-golden"


def test_a_golden_answer_of_another_shape_is_refused(models):
    put_golden(models, np.ones((8, 8, 8), np.float32), np.ones((8, 8, 9), np.float32))

    assert "(8, 8, 9)" in refused(models).sentence


def test_a_network_that_cannot_answer_its_golden_input_is_refused(models):
    put_golden(models, np.ones((8, 8), np.float32), np.ones((8, 8), np.float32))

    assert refused(models).reason == "model-golden"


def test_bytes_that_are_no_network_are_refused(models):
    put_network(models, b"no network")

    error = refused(models)

    assert error.reason == "model-card"
    assert "a network onnxruntime can run" in error.sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inputs": ("other",)}, "expected input nac"),
        ({"outputs": ("other",)}, "expected output mumap"),
        ({"inputs": ("nac", "more")}, "expected one input, found 2"),
        ({"rank": 4}, "of five axes"),
    ],
)
def test_tensors_other_than_the_card_says_are_refused(models, changes, words):
    source = changes.get("inputs", ("nac",))[0]
    target = changes.get("outputs", ("mumap",))[0]
    replace_network(models, [helper.make_node("Identity", [source], [target])], **changes)

    error = refused(models)

    assert error.reason == "model-card"
    assert words in error.sentence


# What a network may do wrong when it runs


def test_an_output_of_another_shape_is_rejected(models):
    replace_network(models, [helper.make_node("Concat", ["nac", "nac"], ["mumap"], axis=2)])

    error = refused(models)

    assert error.reason == "model-golden"
    assert "expected an output of (1, 1, 16, 32, 32), found (1, 1, 32, 32, 32)" in error.sentence


def fixed_to_eight(models):
    """A network that knows one shape only, with a golden answer of that shape."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [5], [1, 1, 8, 8, 8])
    replace_network(
        models, [helper.make_node("Reshape", ["nac", "shape"], ["mumap"])], constants=[shape]
    )
    cube = np.ones((8, 8, 8), np.float32)
    put_golden(models, cube, cube)
    return open_model(models, NAME, "cpu", threads=1).model.predict


def test_an_input_the_network_cannot_answer_is_rejected(models):
    predict = fixed_to_eight(models)

    with pytest.raises(InputRejected) as caught:
        predict(np.ones((9, 9, 9), np.float32))

    assert caught.value.reason == "inference-failed"


def test_an_input_answered_in_another_shape_is_rejected(models):
    predict = fixed_to_eight(models)

    with pytest.raises(InputRejected, match="expected an output of") as caught:
        predict(np.ones((4, 8, 16), np.float32))

    assert caught.value.reason == "inference-failed"


def test_an_output_that_is_not_finite_is_found_by_the_checks(models):
    """The network divides by its input, so that an empty voxel becomes infinite."""
    replace_network(models, [helper.make_node("Div", ["nac", "nac"], ["mumap"])])
    cube = np.ones((8, 8, 8), np.float32)
    put_golden(models, cube, cube)
    nac = analytic_torso().emission
    model = open_model(models, NAME, "cpu", threads=1).model
    prepared = preprocess.prepare(nac, model.card)

    mumap = prepared.with_voxels(model.predict(prepared.voxels), Quantity.LAC_PER_CM)

    (finding, _) = quality.assess(mumap, nac, model.card)
    assert str(finding).startswith("finite fail: ")


def test_a_golden_answer_that_is_not_finite_is_refused(models):
    replace_network(models, [helper.make_node("Div", ["nac", "nac"], ["mumap"])])
    cube = np.zeros((8, 8, 8), np.float32)
    put_golden(models, cube, cube)

    assert refused(models).reason == "model-golden"


# Where it runs


HAS_CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
def test_cuda_is_refused_where_it_cannot_be_had():
    error = refused(phantoms.MODELS, device="cuda")

    assert error.reason == "cuda-unavailable"
    assert "found CPUExecutionProvider" in error.sentence


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
def test_auto_says_what_it_took():
    loaded = open_model(phantoms.MODELS, NAME, "auto", threads=1)

    assert loaded.runtime.endswith("CPUExecutionProvider")


@pytest.mark.skipif(not HAS_CUDA, reason="needs a GPU and the onnxruntime made for it")
def test_cuda_gives_the_golden_output():
    loaded = open_model(phantoms.MODELS, NAME, "cuda", threads=1)

    assert loaded.runtime.endswith("CUDAExecutionProvider")


# When it hangs


def test_a_hung_call_ends_the_process():
    code = (
        "import threading\n"
        "from mumap_node.node.watchdog import watchdog\n"
        "with watchdog(0.05):\n"
        "    threading.Event().wait(60)\n"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert ended.returncode == 70
    assert b"inference.hung" in ended.stdout


def test_a_call_in_time_is_left_alone():
    ended = []

    with watchdog(60, ended.append):
        pass

    assert ended == []


def test_the_watchdog_is_called_off_by_an_error():
    ended = []

    with pytest.raises(ValueError, match="mine"), watchdog(60, ended.append):
        raise ValueError("mine")

    assert ended == []


@SHIPPED
def test_the_committed_network_is_valid_onnx(name):
    network = onnx.load(phantoms.MODELS / name / "model.onnx")

    onnx.checker.check_model(network, full_check=True)
    assert [opset.version for opset in network.opset_import] == [17]
