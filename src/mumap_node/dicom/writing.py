"""An attenuation map to a dataset, one function per output profile."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import NuclearMedicineImageStorage

from mumap_node.dicom import describing
from mumap_node.dicom.geometry import read_slice_numbers
from mumap_node.dicom.modules import image, series
from mumap_node.dicom.naming import derived_uids, file_meta
from mumap_node.dicom.patient import patient_and_study
from mumap_node.dicom.pixels import read_pixel_format
from mumap_node.dicom.projections.header import as_reconstruction
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.quiet import quiet
from mumap_node.dicom.selection import are_projections
from mumap_node.imaging.findings import Finding
from mumap_node.imaging.model_card import ModelCard
from mumap_node.imaging.volume import Quantity, Volume

__all__ = ["PROFILES", "Provenance", "write_attenuation_map"]

Encoder = Callable[
    [Volume, Dataset, Dataset, ModelCard, Sequence[Finding], Provenance, float], Dataset
]


@quiet()
def write_attenuation_map(
    mumap: Volume,
    source: Dataset,
    card: ModelCard,
    findings: Sequence[Finding],
    provenance: Provenance,
    emission_energy_kev: float,
    *,
    profile: str = "standard",
) -> Dataset:
    """Encode a map as an instance of a new series in the study of its source.

    A map that failed its checks is encoded too, for a person to see; values no map should have
    are then clipped to what can be stored, not-a-number to 0.

    Args:
        mumap: LAC in 1/cm on the geometry of the source, or on that which projections define.
        source: The instance the map was made from, as received.
        card: Of the model that made it.
        findings: Every check, written into the object.
        provenance: Who made it, when and with what.
        emission_energy_kev: Photon energy the LACs hold for.
        profile: One of PROFILES.

    Returns:
        A dataset with file meta information; encode it with ``files.to_bytes``.

    Raises:
        ValueError: A volume that is no map on the grid of the source, or an unknown profile.
    """
    if profile not in PROFILES:
        raise ValueError(f"expected a profile of {', '.join(PROFILES)}, found {profile}")
    if mumap.quantity is not Quantity.LAC_PER_CM:
        raise ValueError(f"expected LAC in 1/cm, found {mumap.quantity}")
    header = as_reconstruction(source, mumap.geometry) if are_projections(source) else source
    layout = read_pixel_format(header)
    if mumap.voxels.shape != (layout.frames, layout.rows, layout.columns):
        raise ValueError(f"expected the grid of the source, found {mumap.voxels.shape}")
    return PROFILES[profile](mumap, source, header, card, findings, provenance, emission_energy_kev)


def _standard(
    mumap: Volume,
    source: Dataset,
    header: Dataset,
    card: ModelCard,
    findings: Sequence[Finding],
    provenance: Provenance,
    emission_energy_kev: float,
) -> Dataset:
    """An NM object with its unit in a Real World Value Mapping, and nothing private.

    What it is made from is the source; what describes a reconstruction, such as its grid, comes
    from the header, which is the source itself unless that holds projections.
    """
    made_at = series.local_time(source, provenance.made_at)
    instance_uid, series_uid = derived_uids(source, card, provenance, "standard")
    stored = _stored_frames(mumap, read_slice_numbers(header))
    derivation = describing.derivation(source, card, emission_energy_kev, 1 / image.STORED_PER_LAC)
    dataset = Dataset()
    for module in (
        patient_and_study(source),
        series.general_series(source, series_uid, made_at, "NM", describing.MAP),
        series.patient_orientation(source),
        series.frame_of_reference(source),
        series.equipment(source, card, provenance, "standard", made_at),
        image.general_image(
            source, derivation, findings, made_at, keeps_place=not are_projections(source)
        ),
        image.image_pixel(stored),
        image.multi_frame(header, len(stored)),
        image.nm_image(),
        image.acquisition(header),
        image.reconstruction(header),
        series.sop_common(source, NuclearMedicineImageStorage, instance_uid, made_at),
        image.common_instance_reference(source),
    ):
        dataset.update(module)
    dataset.file_meta = file_meta(NuclearMedicineImageStorage, instance_uid, provenance)
    return dataset


PROFILES: Mapping[str, Encoder] = MappingProxyType({"standard": _standard})
"""Output profiles by name: how the map is encoded for one kind of receiving station."""


def _stored_frames(mumap: Volume, slice_numbers: tuple[int, ...]) -> NDArray[np.uint16]:
    """Stored values, in the order of the source's frames."""
    finite = np.nan_to_num(mumap.voxels.astype(np.float64), nan=0.0)
    stored = np.clip(np.rint(finite * image.STORED_PER_LAC), 0, image.LARGEST_STORED)
    frames: NDArray[np.uint16] = stored.astype(np.uint16)[np.array(slice_numbers) - 1]
    return frames
