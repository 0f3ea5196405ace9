"""The demo's camera: encodes a reconstruction as NM Image and sends it over an association."""

from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import numpy as np
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from mumap_node.dicom.orientation import Side
from mumap_node.imaging.reconstruction.orbit import Orbit
from mumap_node.imaging.volume import Volume
from mumap_node.training.simulation.objects import volumes
from mumap_node.training.simulation.objects.examination import Examination
from mumap_node.training.simulation.objects.scan import Scan

CAMERA_AE_TITLE = "SPECT1"


class Node(NamedTuple):
    """Where the node listens."""

    host: str
    port: int
    ae_title: str


def encode_reconstruction(emission: Volume, at: datetime) -> Dataset:
    """Write a supine, transaxial volume as a camera's nAC reconstruction of a phantom.

    Args:
        emission: Whole counts; slices towards the head, rows to the back, columns to the left.
        at: Local time of the acquisition.
    """
    examination = Examination(
        key=(uuid4().hex,),
        patient_name="Torso^Analytic",
        patient_id="DEMO-1",
        sex="O",
        side=Side.SUPINE,
        at=at,
        description="Myocardial perfusion, demo",
    )
    angles_deg = 315.0 - 3.0 * np.arange(60, dtype=np.float64)
    scan = Scan(
        orbit=Orbit(angles_deg, np.full_like(angles_deg, 250.0)),
        heads=1,
        windows_kev={"Tc-99m 20%": (126.45, 154.55)},
        collimator="LEHR",
        tracer="Tc-99m sestamibi",
        seconds_per_view=20.0,
    )
    return volumes.encode_reconstruction(
        examination, scan, emission, description="Stress SPECT NAC"
    )


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
