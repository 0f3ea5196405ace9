"""The modules of a parametric map, as PS3.3 A.75 lists them for the Parametric Map IOD."""

from collections.abc import Iterable
from datetime import datetime

from pydicom import Dataset
from pydicom.tag import Tag

from mumap_node.dicom import codes, describing
from mumap_node.dicom.marks import CONTENT_LABEL
from mumap_node.dicom.modules import plane
from mumap_node.dicom.modules.image import LARGEST_PER_CM, real_world_values, within_range
from mumap_node.dicom.modules.series import instance_reference, time_of_making
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.uids import derive_uid
from mumap_node.dicom.verbatim import raw_element
from mumap_node.imaging.findings import Finding
from mumap_node.imaging.volume import Geometry, Voxels

SHOWN_PER_CM = (0.1, 0.2)
"""Window centre and width: air to spongy bone."""

KIND = ["DERIVED", "PRIMARY", "VOLUME", "QUANTITY"]
"""Image Type and Frame Type (C.8.32.2, C.8.32.3.1): there are no further values."""

STACK = "1"

NO_DATE, NO_TIME = "19000101", "000000"
"""Stand for a time of making that is not told, where the standard asks for one (C.7.6.16)."""


def serial_number(provenance: Provenance) -> Dataset:
    """What Enhanced General Equipment (C.7.5.2) asks for more: a node is known by its AE title."""
    module = Dataset()
    module.DeviceSerialNumber = provenance.ae_title
    return module


def parametric_map_image(
    source: Dataset, derivation: str, findings: Iterable[Finding], made_at: datetime
) -> Dataset:
    """Parametric Map Image and Acquisition Context (C.8.32.2, C.7.6.14)."""
    module = Dataset()
    module.ImageType = KIND
    module.InstanceNumber = 1
    module.ContentLabel = CONTENT_LABEL
    module.ContentDescription = describing.MAP
    module.ContentCreatorName = None
    module.ContentDate, module.ContentTime = NO_DATE, NO_TIME
    module.update(time_of_making(source, made_at, "Content"))
    module.ContentQualification = "RESEARCH"
    module.DerivationDescription = derivation
    module.ImageComments = describing.comments(findings)
    module.BurnedInAnnotation = "NO"
    module.RecognizableVisualFeatures = "NO"
    module.AcquisitionContextSequence = []
    return module


def float_pixel(lac_per_cm: Voxels) -> Dataset:
    """Floating Point Image Pixel (C.7.6.24): LACs in 1/cm themselves, (frame, row, column)."""
    module = Dataset()
    module.SamplesPerPixel = 1
    module.PhotometricInterpretation = "MONOCHROME2"
    module.PresentationLUTShape = "IDENTITY"
    module.NumberOfFrames, module.Rows, module.Columns = lac_per_cm.shape
    module.BitsAllocated = 32
    stored = within_range(lac_per_cm).astype("<f4")
    module[Tag("FloatPixelData")] = raw_element(Tag("FloatPixelData"), "OF", stored.tobytes())
    return module


def functional_groups(source: Dataset, grid: Geometry) -> Dataset:
    """Multi-frame Functional Groups and Dimension (C.7.6.16, C.7.6.17): every plane's place.

    Args:
        source: The instance the map was made from.
        grid: Of the map; frames are its slices in their order.
    """
    dimensions = derive_uid("dimensions of a map")
    organization = Dataset()
    organization.DimensionOrganizationUID = dimensions
    pointer = Dataset()
    pointer.DimensionOrganizationUID = dimensions
    pointer.DimensionIndexPointer = Tag("InStackPositionNumber")
    pointer.FunctionalGroupPointer = Tag("FrameContentSequence")
    module = Dataset()
    module.DimensionOrganizationSequence = [organization]
    module.DimensionIndexSequence = [pointer]
    module.SharedFunctionalGroupsSequence = [_shared(source, grid)]
    module.PerFrameFunctionalGroupsSequence = [_of_frame(grid, n) for n in range(grid.shape[0])]
    return module


def _shared(source: Dataset, grid: Geometry) -> Dataset:
    kind, identity, window = Dataset(), Dataset(), Dataset()
    kind.FrameType = KIND
    identity.RescaleIntercept, identity.RescaleSlope, identity.RescaleType = 0, 1, "US"
    window.WindowCenter, window.WindowWidth = SHOWN_PER_CM
    window.VOILUTFunction = "LINEAR_EXACT"  # others allow no width below 1 (C.11.2.1.3)
    group = Dataset()
    group.PixelMeasuresSequence = [plane.pixel_measures(grid)]
    group.PlaneOrientationSequence = [plane.orientation(grid)]
    group.ParametricMapFrameTypeSequence = [kind]
    group.PixelValueTransformationSequence = [identity]
    group.FrameVOILUTSequence = [window]
    group.RealWorldValueMappingSequence = [_real_world_values()]
    group.DerivationImageSequence = [_derived_from(source)]
    return group


def _real_world_values() -> Dataset:
    """What is stored is the value; the range is stated in doubles where pixels are floats."""
    item = real_world_values()
    del item.RealWorldValueFirstValueMapped, item.RealWorldValueLastValueMapped
    item.DoubleFloatRealWorldValueFirstValueMapped = 0.0
    item.DoubleFloatRealWorldValueLastValueMapped = LARGEST_PER_CM
    item.RealWorldValueSlope = 1.0
    return item


def _derived_from(source: Dataset) -> Dataset:
    reference = instance_reference(source)
    reference.PurposeOfReferenceCodeSequence = [codes.SOURCE_IMAGE.item()]
    item = Dataset()
    item.SourceImageSequence = [reference]
    item.DerivationCodeSequence = [codes.PREDICTION.item()]
    return item


def _of_frame(grid: Geometry, number: int) -> Dataset:
    content = Dataset()
    content.StackID, content.InStackPositionNumber = STACK, number + 1
    content.DimensionIndexValues = [number + 1]
    group = Dataset()
    group.FrameContentSequence = [content]
    group.PlanePositionSequence = [plane.position(grid, number)]
    return group
