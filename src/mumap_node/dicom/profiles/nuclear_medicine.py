"""Maps as NM objects (PS3.3 A.5): one object, and what carries its scale beside the standard."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import NuclearMedicineImageStorage
from pydicom.valuerep import format_number_as_ds

from mumap_node.dicom import describing
from mumap_node.dicom import siemens as private
from mumap_node.dicom.geometry import read_slice_numbers
from mumap_node.dicom.modules import image, series
from mumap_node.dicom.naming import derived_uids, file_meta
from mumap_node.dicom.patient import patient_and_study
from mumap_node.dicom.profiles.order import Order
from mumap_node.dicom.selection import are_projections
from mumap_node.imaging.volume import Volume


def standard(order: Order) -> Sequence[Dataset]:
    """The unit in a Real World Value Mapping, and nothing private."""
    return encode(order, "standard", Dataset())


def research(order: Order) -> Sequence[Dataset]:
    """With Rescale Slope, which NM does not have (a Standard Extended SOP Class).

    SimpleITK, Slicer and MIM then read 1/cm, where they would read stored values.
    """
    return encode(order, "research", rescaled())


def siemens(order: Order) -> Sequence[Dataset]:
    """With the private scale that readers of Siemens's own maps divide by."""
    return encode(order, "siemens", siemens_scale())


def rescaled(stored_per_lac: float = image.STORED_PER_LAC) -> Dataset:
    """Rescale Slope and Intercept (C.11.1), which NM does not have."""
    scale = Dataset()
    scale.RescaleIntercept, scale.RescaleSlope = 0, format_number_as_ds(1 / stored_per_lac)
    scale.RescaleType = "1/CM"
    return scale


def siemens_scale(stored_per_lac: float = image.STORED_PER_LAC) -> Dataset:
    """The private element that readers of Siemens's own maps divide by."""
    scale = Dataset()
    block = scale.private_block(private.GROUP, private.CREATOR, create=True)
    block.add_new(private.SCALE, "FL", float(stored_per_lac))
    return scale


def encode(
    order: Order,
    profile: str,
    special: Dataset,
    stored_per_lac: float = image.STORED_PER_LAC,
) -> Sequence[Dataset]:
    """An NM object of a map.

    Args:
        order: The map, and what is said about it.
        profile: Under which name it is encoded.
        special: Elements of this profile, beside those of ``standard`` or in their place.
        stored_per_lac: Stored value of 1/cm.
    """
    source, header, card, provenance = order.source, order.header, order.card, order.provenance
    made_at = series.local_time(source, provenance.made_at)
    instance_uid, series_uid = derived_uids(source, card, provenance, profile)
    stored = _stored_frames(order.mumap, read_slice_numbers(header), stored_per_lac)
    stores = f"stored value times {1 / stored_per_lac:g}"
    derivation = describing.derivation(source, card, order.emission_energy_kev, stores)
    dataset = Dataset()
    for module in (
        patient_and_study(source),
        series.general_series(source, series_uid, made_at, "NM", describing.MAP),
        series.patient_orientation(source),
        series.frame_of_reference(source),
        series.equipment(source, card, provenance, profile, made_at),
        image.general_image(
            source, derivation, order.findings, made_at, keeps_place=not are_projections(source)
        ),
        image.image_pixel(stored),
        image.multi_frame(header, len(stored)),
        image.nm_image(),
        image.acquisition(header),
        image.reconstruction(header),
        series.sop_common(source, NuclearMedicineImageStorage, instance_uid, made_at),
        image.common_instance_reference(source),
        special,
    ):
        dataset.update(module)
    dataset.file_meta = file_meta(NuclearMedicineImageStorage, instance_uid, provenance)
    return (dataset,)


def _stored_frames(
    mumap: Volume, slice_numbers: tuple[int, ...], stored_per_lac: float
) -> NDArray[np.uint16]:
    """Stored values, in the order of the source's frames."""
    lac = image.within_range(mumap.voxels.astype(np.float64))
    stored = np.minimum(np.rint(lac * stored_per_lac), image.LARGEST_STORED)
    frames: NDArray[np.uint16] = stored.astype(np.uint16)[np.array(slice_numbers) - 1]
    return frames
