"""NM Image objects of volumes: the reconstruction and the attenuation map (PS3.3 A.5)."""

import numpy as np
from pydicom import Dataset
from pydicom.uid import NuclearMedicineImageStorage

from mumap_node.dicom.modules.image import LARGEST_STORED, STORED_PER_LAC, real_world_values
from mumap_node.imaging.volume import Geometry, Volume, Voxels
from mumap_node.training.simulation.objects.examination import (
    Examination,
    begin_object,
    decimal,
)
from mumap_node.training.simulation.objects.scan import (
    UNCORRECTED,
    Scan,
    detector_of,
    put_frames,
    put_scan,
    put_windows,
)


def whole_counts(emission: Volume) -> Volume:
    """Counts as cameras store them: scaled so that the brightest voxel has 32767, and whole.

    The scale is arbitrary and nowhere stated, as in real files; negative counts become 0.
    """
    brightest = float(emission.voxels.max()) or 1.0
    stored = np.rint(emission.voxels.clip(0) * (LARGEST_STORED / brightest))
    return emission.with_voxels(stored.astype(np.float32))


def encode_reconstruction(
    examination: Examination,
    scan: Scan,
    emission: Volume,
    *,
    description: str,
) -> Dataset:
    """Write a volume as the RECON TOMO a camera would send.

    Args:
        examination: Whom it belongs to.
        scan: What it was reconstructed from.
        emission: Whole counts up to 32767 on an upright grid, see ``whole_counts``.
        description: Series Description.
    """
    dataset = begin_object(
        examination, NuclearMedicineImageStorage, series="nac", number=2, description=description
    )
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    dataset.CorrectedImage = list(UNCORRECTED)
    put_scan(dataset, examination, scan)
    _put_volume(dataset, scan, emission.geometry, emission.voxels)
    return dataset


def encode_map(examination: Examination, scan: Scan, mumap: Volume) -> Dataset:
    """Write the true map as a camera's CT-based map on the grid of the reconstruction.

    The unit stands where our own ``standard`` profile puts it, in a Real World Value Mapping,
    and in Rescale Slope as well, which general readers such as SimpleITK apply.

    Args:
        examination: Whom it belongs to.
        scan: Of the reconstruction; names the photopeak the map holds for.
        mumap: LAC in 1/cm on an upright grid; stored in steps of 0.0001/cm.
    """
    dataset = begin_object(
        examination,
        NuclearMedicineImageStorage,
        series="map",
        number=3,
        description="SIMULATED TRUE MU-MAP",
    )
    dataset.ImageType = ["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION"]
    dataset.DerivationDescription = "Simulated: true linear attenuation coefficients, 140.5 keV"
    dataset.RealWorldValueMappingSequence = [real_world_values()]
    dataset.RescaleSlope, dataset.RescaleIntercept = decimal(1 / STORED_PER_LAC), "0"
    dataset.RescaleType = "US"  # unspecified: 1/cm is none of its terms (C.11.1.1.2)
    put_scan(dataset, examination, scan)
    _put_volume(dataset, scan, mumap.geometry, mumap.voxels * STORED_PER_LAC)
    return dataset


def _put_volume(dataset: Dataset, scan: Scan, geometry: Geometry, stored: Voxels) -> None:
    """Voxels and place of an upright volume, and the one window and detector it came from.

    As GE's stations do it, frame 1 lies at the head and Spacing Between Slices is negative
    (C.8.4.15): the order that careless readers turn upside down.
    """
    slices = geometry.shape[0]
    slice_mm, row_mm, column_mm = geometry.spacing_mm
    photopeak = next(iter(scan.windows_kev))
    put_windows(dataset, {photopeak: scan.windows_kev[photopeak]})
    first_mm = geometry.to_patient((slices - 1, 0, 0)).round(6)
    detector = detector_of(scan)
    detector.ImagePositionPatient = [decimal(part) for part in first_mm.tolist()]
    detector.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.DetectorInformationSequence = [detector]
    dataset.NumberOfDetectors = 1
    dataset.NumberOfSlices = slices
    dataset.SliceThickness = decimal(slice_mm)
    dataset.SpacingBetweenSlices = decimal(-slice_mm)
    head_first = np.rint(stored[::-1]).clip(0, LARGEST_STORED)
    vectors = {"SliceVector": list(range(1, slices + 1))}
    put_frames(dataset, head_first, vectors, (row_mm, column_mm))
