"""Maps as a station encodes its own, as far as a site's template says so."""

from collections.abc import Sequence
from dataclasses import replace

from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.tag import Tag
from pydicom.valuerep import format_number_as_ds

from mumap_node.dicom import describing
from mumap_node.dicom.elements import items, numbers
from mumap_node.dicom.geometry import read_place, read_slice_numbers
from mumap_node.dicom.marks import SYNTHETIC
from mumap_node.dicom.modules import image
from mumap_node.dicom.profiles.nuclear_medicine import encode, rescaled, siemens_scale
from mumap_node.dicom.profiles.order import Order
from mumap_node.dicom.template import Template
from mumap_node.dicom.verbatim import copy_numbers, raw_element
from mumap_node.imaging.volume import Geometry

CARRIERS = {"rescale-slope": rescaled, "siemens": siemens_scale}
"""What may state the scale beside the Real World Value Mapping."""


def as_template(order: Order, template: Template) -> Sequence[Dataset]:
    """As ``standard``, but where the template says otherwise; the marks of a synthetic map stay."""
    if template.first_frame != "source":
        order = _from_end(order, template.first_frame)
    return encode(order, template.name, _special(order, template), template.stored_per_lac)


def _special(order: Order, template: Template) -> Dataset:
    special, stored_per_lac = Dataset(), template.stored_per_lac
    marks = () if SYNTHETIC in template.image_type else (SYNTHETIC,)
    special.ImageType = [*template.image_type, *marks]
    description = describing.series_description(order.source, template.series_description)
    special[Tag("SeriesDescription")] = raw_element(Tag("SeriesDescription"), "LO", description)
    special.PixelRepresentation = int(template.signed)
    special.WindowCenter, special.WindowWidth = (
        format_number_as_ds(shown * stored_per_lac / image.STORED_PER_LAC)
        for shown in image.SHOWN_STORED
    )
    vr = "SS" if template.signed else "US"
    special.RealWorldValueMappingSequence = [image.real_world_values(stored_per_lac, vr)]
    for carrier in template.carriers:
        special.update(CARRIERS[carrier](stored_per_lac))
    for element in template.cloned:
        block = special.private_block(element.group, element.creator, create=True)
        tag = block.get_tag(element.element)
        special[tag] = raw_element(tag, element.vr, element.encoded)
    return special


def _from_end(order: Order, end: str) -> Order:
    """The same map with frame 1 at one end of the patient, slices numbered as they are stored.

    Readers that ignore the Slice Vector, and those that follow it, then see the same.
    """
    geometry, voxels = order.mumap.geometry, order.mumap.voxels
    begins_at = "feet" if geometry.affine[2, 0] > 0 else "head"
    turns = begins_at != end
    if turns:
        affine = geometry.affine.copy()
        affine[:3, 3] = geometry.to_patient((geometry.shape[0] - 1, 0, 0))
        affine[:3, 0] *= -1
        geometry = Geometry(geometry.shape, affine, geometry.frame_of_reference_uid)
        voxels = voxels[::-1].copy()
    mumap = replace(order.mumap, voxels=voxels, geometry=geometry)
    return replace(order, mumap=mumap, header=_renumbered(order.header, geometry, turns=turns))


def _renumbered(header: Dataset, geometry: Geometry, *, turns: bool) -> Dataset:
    """The header with slices numbered from the first frame on, whose place it states."""
    slices = geometry.shape[0]
    in_order = tuple(range(1, slices + 1))
    if not turns and read_slice_numbers(header) == in_order:
        return header  # every number as it was sent
    changed = Dataset()
    changed.update(header)
    _put(changed, "SliceVector", "US", list(in_order))
    (between_slices,) = numbers(header, "SpacingBetweenSlices", 1)
    between_slices *= -1 if turns else 1
    _put(changed, "SpacingBetweenSlices", "DS", format_number_as_ds(between_slices))
    detector = Dataset()
    for described in items(header, "DetectorInformationSequence")[:1]:
        detector.update(described)
    orientation = copy_numbers(read_place(header).holder, "ImageOrientationPatient", 6)
    detector[orientation.tag] = orientation
    first_mm = geometry.to_patient((0, 0, 0)).tolist()
    _put(detector, "ImagePositionPatient", "DS", [format_number_as_ds(mm) for mm in first_mm])
    _put(changed, "DetectorInformationSequence", "SQ", [detector])
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
        changed.pop(keyword, None)
    return changed


def _put(dataset: Dataset, keyword: str, vr: str, value: object) -> None:
    """Put an element of its own: to set the value would change the one it was copied from."""
    dataset[Tag(keyword)] = DataElement(Tag(keyword), vr, value)
