"""The demo's camera: images a simulated patient and sends the reconstruction (C-STORE)."""

from typing import NamedTuple

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from mumap_node import __version__
from mumap_node.training.simulation.case import Case, simulate_case
from mumap_node.training.simulation.cohort import MAP, NAC, Plan
from mumap_node.training.simulation.making import encode_case

CAMERA_AE_TITLE = "SPECT1"

SEED, INDEX = 100, 2
"""The patient: of a seed used for nothing else, the first in the core stratum with a BMI of 24 to
29, no device and no effusion. Chosen by these alone, before any model had answered."""


class Node(NamedTuple):
    """Where the node listens."""

    host: str
    port: int
    ae_title: str


class Examined(NamedTuple):
    """A patient who was imaged.

    Attributes:
        case: Everything that is true of the patient; arrays towards head, back and left.
        reconstruction: What the camera sends, without attenuation correction.
        truth: The true map on the same grid.
    """

    case: Case
    reconstruction: Dataset
    truth: Dataset


def examine() -> Examined:
    """Image the demo's patient; the same objects on any day."""
    case = simulate_case(SEED, INDEX, scatter_windows=False)
    objects = encode_case(case, Plan(SEED, __version__, projections=False))
    return Examined(case, objects[NAC], objects[MAP])


def echo(node: Node) -> bool:
    """Ask the node whether it is there, as a camera's service menu does (C-ECHO)."""
    association = _associate(node)
    if not association.is_established:
        return False
    status = association.send_c_echo()
    association.release()
    return "Status" in status and status.Status == 0x0000


def send(dataset: Dataset, node: Node) -> int:
    """Send one object and give the DIMSE status the node answered.

    Raises:
        ConnectionError: No association, or no answer.
    """
    association = _associate(node)
    if not association.is_established:
        raise ConnectionError("the node did not open an association")
    try:
        status = association.send_c_store(dataset)
    finally:
        association.release()
    if "Status" not in status:
        raise ConnectionError("the node did not answer a C-STORE")
    return int(status.Status)


def _associate(node: Node) -> Association:
    camera = AE(CAMERA_AE_TITLE)
    camera.connection_timeout = 5
    camera.add_requested_context(NuclearMedicineImageStorage, ExplicitVRLittleEndian)
    camera.add_requested_context(Verification)
    return camera.associate(node.host, node.port, ae_title=node.ae_title)
