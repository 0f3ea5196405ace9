"""A nAC reconstruction to a volume of counts and the conditions it was acquired under."""

import numpy as np
from pydicom import Dataset

from mumap_node.dicom.acquisition import read_acquisition
from mumap_node.dicom.elements import items, numbers, value
from mumap_node.dicom.geometry import read_geometry, read_slice_numbers
from mumap_node.dicom.identity import require_usable_identity
from mumap_node.dicom.orientation import require_agreement
from mumap_node.dicom.pixels import read_pixel_format, stored_values
from mumap_node.errors import InputRejected
from mumap_node.imaging.acquisition import Reconstruction
from mumap_node.imaging.volume import Quantity, Volume


def read_reconstruction(dataset: Dataset) -> Reconstruction:
    """Read the volume and the acquisition of a selected instance.

    Counts are in the arbitrary scale of the scanner; negative ones, which filtered
    back-projection makes, are kept for the preprocessing to clip.

    Args:
        dataset: An NM RECON TOMO instance; slices and frames may come in any order.

    Returns:
        Float32 counts, (slice number, row, column), with their place in the patient.

    Raises:
        InputRejected: The instance is incomplete, contradicts itself, or cannot be placed.
    """
    require_usable_identity(dataset)
    slice_numbers = read_slice_numbers(dataset)
    layout = read_pixel_format(dataset)
    geometry = read_geometry(dataset, slice_numbers, layout.rows, layout.columns)
    require_agreement(dataset)
    _require_no_offset(dataset)
    acquisition = read_acquisition(dataset)
    stored = stored_values(dataset)
    voxels = np.empty(geometry.shape, np.float32)
    voxels[np.array(slice_numbers) - 1] = stored
    return Reconstruction(Volume(voxels, geometry, Quantity.COUNTS), acquisition)


def _require_no_offset(dataset: Dataset) -> None:
    """NM has no Modality LUT (PS3.3 A.5); a slope does not matter to us, an offset would."""
    slope = numbers(dataset, "RescaleSlope", 1) or (1.0,)
    intercept = numbers(dataset, "RescaleIntercept", 1) or (0.0,)
    if slope[0] <= 0 or intercept[0] != 0:
        raise InputRejected(
            "rescaled-counts",
            "expected stored values proportional to counts, "
            f"found slope {slope[0]:g} and intercept {intercept[0]:g}",
        )
    for mapping in items(dataset, "RealWorldValueMappingSequence"):
        if value(mapping, "RealWorldValueIntercept").strip(b"\0\x80"):  # VR FD, also -0
            raise InputRejected(
                "rescaled-counts",
                "expected stored values proportional to counts, "
                "found a Real World Value Mapping with an intercept",
            )
