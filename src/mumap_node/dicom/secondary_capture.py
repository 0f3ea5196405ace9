"""A report to a dataset: a picture that any station shows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from mumap_node.dicom import describing
from mumap_node.dicom.marks import REPORT
from mumap_node.dicom.modules import capture, image, series
from mumap_node.dicom.naming import derived_uids, file_meta
from mumap_node.dicom.patient import patient_and_study
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.quiet import quiet
from mumap_node.imaging.findings import Finding
from mumap_node.imaging.model_card import ModelCard


@quiet()
def write_report(
    picture: NDArray[np.uint8],
    source: Dataset,
    card: ModelCard,
    findings: Sequence[Finding],
    provenance: Provenance,
    emission_energy_kev: float,
) -> Dataset:
    """Encode a report as a Secondary Capture in a new series of the study of its source.

    Args:
        picture: Red, green and blue of 8 bits, (row, column, 3), without the patient's identity.
        source: The instance the map was made from, as received.
        card: Of the model that made the map.
        findings: Every check, written into the object too.
        provenance: Who made it, when and with what.
        emission_energy_kev: Photon energy the LACs hold for.

    Returns:
        A dataset with file meta information; encode it with ``files.to_bytes``.

    Raises:
        ValueError: A picture of another kind, or of an odd number of bytes.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size % 2:
        raise ValueError(f"expected an even picture of 8 bit RGB, found shape {picture.shape}")
    made_at = series.local_time(source, provenance.made_at)
    instance_uid, series_uid = derived_uids(source, card, provenance, REPORT)
    derivation = describing.derivation_of_report(card, emission_energy_kev)
    dataset = Dataset()
    for module in (
        patient_and_study(source),
        # no modality of nuclear medicine: it is no image to be processed as one
        series.general_series(source, series_uid, made_at, "OT", describing.REPORT),
        series.equipment(source, card, provenance, REPORT, made_at),
        capture.sc_equipment(),
        image.general_image(source, derivation, findings, made_at, keeps_place=False),
        capture.sc_image(),
        capture.colour_pixel(picture),
        series.sop_common(source, SecondaryCaptureImageStorage, instance_uid, made_at),
        image.common_instance_reference(source),
    ):
        dataset.update(module)
    dataset.file_meta = file_meta(SecondaryCaptureImageStorage, instance_uid, provenance)
    return dataset
