"""Builds ``uniform-body``: the contour of the emission, filled with water, as an ONNX graph.

The classical answer to a missing transmission scan and the baseline every network must beat. The
graph is written down here operator by operator; nothing in it is learned or random. Run
``python -m mumap_node.training.uniform_body -o models/uniform-body-1.0`` to write the model.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from mumap_node.imaging import preprocess
from mumap_node.imaging.attenuation import WATER_LAC_140KEV_PER_CM
from mumap_node.imaging.model_card import parse_model_card
from mumap_node.imaging.volume import Voxels
from mumap_node.training.torso import analytic_torso

SHAPE = (1, 1, "slices", "rows", "columns")
"""Of input and output: batch, channel and three axes of any length."""

ALL_AXES, IN_PLANE = (0, 1, 2), (1, 2)
"""Counts are smoothed along every axis, outlines in their slice: a body ends where it ends."""

BINOMIAL = np.array([1, 4, 6, 4, 1], dtype=np.float32) / 16
"""Gaussian of sigma 1 voxel; sums of powers of two, so exact in any order of addition."""

BRIGHTEST = 1.25
"""Cut-off of relative counts; whatever a hot gut or liver has above it does not count."""

LOG_FLOOR = 0.05
"""Added to relative counts before the logarithm: noise below it is all the same."""

FIRST_CUT = 0.2
"""Where the two classes are parted first, relative to the bright part of the volume."""

ROUNDS = 8
"""Rounds of two-means; the cut moves by less than 1 % after five on every case tried."""

RAYS_NEEDED = 6
"""A voxel is inside when so many of its eight rays in the slice meet the contour. A point outside
a convex body sees it along three at most; a lung open at one place still sees it along seven."""


CARD = """\
# Written by mumap_node.training.uniform_body; change it there.

name = "uniform-body"
version = "1.0"
sha256 = "{sha256}"
summary = "Contour of the emission, filled with the narrow-beam attenuation of water"
intended_use = "Fallback and baseline for research; not a medical device, not for diagnosis"
training_population = "None: a classical algorithm without learned weights"

[input]                       # no spacing and no shape: the source's own grid, never resampled
tensor = "nac"

[input.normalisation]         # the network is scale-free; this keeps its numbers near 1
percentile = 99.0
fraction = 0.1
transform = "identity"

[reconstruction]              # of projections, which then look like most sites' own
iterations = 6
subsets = 8
cutoff_per_cm = 0.45
order = 6.0

[output]
tensor = "mumap"
lac_per_cm_per_unit = 1.0
emission_energy_kev = 140.5
beam = "narrow"

[limits]
radionuclides = ["Tc-99m"]
energy_window_kev = [120.0, 160.0]
collimator_types = ["PARA", "UNKN", ""]   # unstated passes with a warning
matrix = [48, 256]
slices = [16, 256]
spacing_mm = [2.5, 10.0]
field_of_view_mm = [350.0, 700.0]         # smaller ones cut off most torsos

[plausibility]
body_99th_percentile_per_cm = [0.14, 0.30]
maximum_per_cm = 0.40
soft_tissue_mode_per_cm = [0.140, 0.165]
soft_tissue_mode_warn_per_cm = [0.130, 0.175]
air_mean_per_cm = {{ warn = 0.005, fail = 0.012 }}
body_component_share = {{ warn = 0.98, fail = 0.90 }}
body_area_cm2 = [250.0, 1400.0]
area_change_share = {{ warn = 0.20 }}
border_contact_share = {{ warn = 0.10, fail = 0.30 }}
hot_spot_outside_share = {{ warn = 0.03, fail = 0.10 }}
outline_dice = {{ warn = 0.85, fail = 0.70 }}

[golden]                      # a coarse analytic torso
tolerance = 1e-4
"""


class Graph:
    """Collects operators; each call returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(
        self, operator: str, *inputs: str | ArrayLike, result: str = "", **attributes: Any
    ) -> str:
        """Apply an operator; an input that is no name becomes a constant of the graph."""
        names = [name if isinstance(name, str) else self._constant(name) for name in inputs]
        result = result or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [result], **attributes))
        return result

    def _constant(self, values: ArrayLike) -> str:
        array = np.asarray(values)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name


def build() -> onnx.ModelProto:
    """Make the network: counts in, LAC of water inside the body and 0 outside it out."""
    graph = Graph()
    counts = relative_counts(graph, blurred(graph, "nac", ALL_AXES))
    contour = above(graph, counts, half_level(graph, counts))
    filled = inside(graph, above(graph, blurred(graph, contour, IN_PLANE), 0.5))
    smooth = above(graph, blurred(graph, filled, IN_PLANE), 0.5)
    body = without_islands(graph, smooth)
    graph.add("Mul", body, WATER_LAC_140KEV_PER_CM, result="mumap")
    definition = helper.make_graph(
        graph.nodes,
        "uniform_body",
        [helper.make_tensor_value_info("nac", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("mumap", TensorProto.FLOAT, SHAPE)],
        graph.constants,
    )
    model = helper.make_model(
        definition,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="mumap_node.training.uniform_body",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def blurred(graph: Graph, volume: str, axes: tuple[int, ...]) -> str:
    """Smooth along axes of (slice, row, column); beyond the edge the edge goes on."""
    for axis in axes:
        reach = [0, 0, 0]
        reach[axis] = len(BINOMIAL) // 2
        padded = graph.add("Pad", volume, [0, 0, *reach, 0, 0, *reach], mode="edge")
        kernel_shape = [1, 1, 1, 1, 1]
        kernel_shape[2 + axis] = len(BINOMIAL)
        volume = graph.add("Conv", padded, BINOMIAL.reshape(kernel_shape))
    return volume


def relative_counts(graph: Graph, counts: str) -> str:
    """Counts over the mean of the bright voxels, which are those above the mean of all; cut off."""
    bright = graph.add("GreaterOrEqual", counts, graph.add("ReduceMean", counts))
    reference = mean_of(graph, counts, graph.add("Cast", bright, to=TensorProto.FLOAT))
    relative = graph.add("Div", counts, graph.add("Max", reference, 1e-6))
    return graph.add("Min", relative, BRIGHTEST)


def half_level(graph: Graph, counts: str) -> str:
    """Half of the count level of the body: where the blurred edge of a body lies.

    Two-means of the logarithm parts air from body. The level is the geometric mean of the body,
    taken once more over what is above half of it, without the blurred rim.
    """
    logarithm = graph.add("Log", graph.add("Add", counts, LOG_FLOOR))
    cut: str | float = float(np.log(FIRST_CUT + LOG_FLOOR))
    for _ in range(ROUNDS):
        body = above(graph, logarithm, cut)
        of_body = mean_of(graph, logarithm, body)
        of_air = mean_of(graph, logarithm, graph.add("Sub", 1.0, body))
        cut = graph.add("Mul", graph.add("Add", of_body, of_air), 0.5)
    half = halved(graph, of_body)
    return halved(graph, mean_of(graph, logarithm, above(graph, counts, half)))


def halved(graph: Graph, logarithm: str) -> str:
    """Half of the counts that have this logarithm."""
    return graph.add("Mul", graph.add("Sub", graph.add("Exp", logarithm), LOG_FLOOR), 0.5)


def above(graph: Graph, values: str, threshold: str | float) -> str:
    """1 where the values are above the threshold, else 0."""
    return graph.add("Cast", graph.add("Greater", values, threshold), to=TensorProto.FLOAT)


def mean_of(graph: Graph, values: str, mask: str) -> str:
    """Mean of the values where the mask is 1; 0 where it is nowhere."""
    total = graph.add("ReduceSum", graph.add("Mul", values, mask))
    return graph.add("Div", total, graph.add("Max", graph.add("ReduceSum", mask), 1.0))


def inside(graph: Graph, contour: str) -> str:
    """Fill what the contour surrounds in its slice: 1 where enough rays meet it, else 0."""
    meets = [
        *hits(graph, contour, axis=3),
        *hits(graph, contour, axis=4),
        *diagonal_hits(graph, contour),
        *(mirrored(graph, hit) for hit in diagonal_hits(graph, mirrored(graph, contour))),
    ]
    return above(graph, graph.add("Sum", *meets), RAYS_NEEDED - 0.5)


def hits(graph: Graph, contour: str, axis: int) -> tuple[str, str]:
    """Whether the contour lies before, and behind, each voxel along an axis (its own included)."""
    before = graph.add("CumSum", contour, np.int64(axis))
    behind = graph.add("CumSum", contour, np.int64(axis), reverse=1)
    return above(graph, before, 0.5), above(graph, behind, 0.5)


def diagonal_hits(graph: Graph, contour: str) -> tuple[str, str]:
    """The same along one diagonal of the slice.

    Rows are padded by as many columns as there are rows and then read one voxel shorter: each
    row moves one column further than the row before, so that a diagonal becomes a column.
    """
    shape = graph.add("Shape", contour)
    rows = graph.add("Slice", shape, [3], [4])
    columns = graph.add("Slice", shape, [4], [5])
    stack = graph.add("Slice", shape, [0], [3])
    one_line = graph.add("Concat", stack, [-1], axis=0)
    lines = graph.add("Concat", stack, rows, [-1], axis=0)

    wide = graph.add("Pad", contour, graph.add("Concat", [0] * 9, rows, axis=0))
    line = graph.add(
        "Slice", graph.add("Reshape", wide, one_line), [0], graph.add("Neg", rows), [3]
    )
    skewed = graph.add("Reshape", line, lines)

    def straightened(hit: str) -> str:
        line = graph.add("Reshape", hit, one_line)
        whole = graph.add("Pad", line, graph.add("Concat", [0] * 7, rows, axis=0))
        return graph.add("Slice", graph.add("Reshape", whole, lines), [0], columns, [4])

    before, behind = hits(graph, skewed, axis=3)
    return straightened(before), straightened(behind)


def mirrored(graph: Graph, volume: str) -> str:
    """The volume with its columns in reverse order."""
    return graph.add("Slice", volume, [-1], [np.iinfo(np.int64).min], [4], [-1])


def without_islands(graph: Graph, body: str) -> str:
    """Drop what is narrower than five voxels, keeping the outline of the rest as it is."""
    kept = graph.add("Neg", largest_around(graph, graph.add("Neg", body), 2))
    return graph.add("Mul", body, largest_around(graph, kept, 3))


def largest_around(graph: Graph, volume: str, reach: int) -> str:
    """Maximum over the square of so many voxels to every side in the slice."""
    size = 2 * reach + 1
    pads = [0, reach, reach, 0, reach, reach]
    return graph.add("MaxPool", volume, kernel_shape=[1, size, size], pads=pads)


def write(folder: Path) -> None:
    """Write the model, its card and its golden input and output; the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    network = build().SerializeToString(deterministic=True)
    text = CARD.format(sha256=hashlib.sha256(network).hexdigest())
    (folder / "model.onnx").write_bytes(network)
    (folder / "model.toml").write_text(text, encoding="utf-8")

    torso = analytic_torso(shape=(16, 32, 32), spacing_mm=13.2)
    golden_input = preprocess.prepare(torso.emission, parse_model_card(text)).voxels
    np.save(folder / "golden-input.npy", golden_input)
    np.save(folder / "golden-output.npy", run(network, golden_input))


def run(network: bytes, counts: Voxels) -> Voxels:
    """Run a serialised network once."""
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    mumap: Voxels = session.run(["mumap"], {"nac": counts[None, None]})[0][0, 0]
    return mumap


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the model")
    write(parser.parse_args().output)
