"""Maps as Parametric Map objects (PS3.3 A.75): LACs themselves, every plane at its stated place."""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.uid import ParametricMapStorage

from mumap_node.dicom import describing
from mumap_node.dicom.modules import image, parametric, plane, series
from mumap_node.dicom.naming import derived_uids, file_meta
from mumap_node.dicom.patient import patient_and_study
from mumap_node.dicom.profiles.order import Order

PROFILE = "parametric-map"


def parametric_map(order: Order) -> Sequence[Dataset]:
    """For archives and viewers; no reconstruction station is known to read it."""
    source, card, provenance = order.source, order.card, order.provenance
    made_at = series.local_time(source, provenance.made_at)
    instance_uid, series_uid = derived_uids(source, card, provenance, PROFILE)
    derivation = describing.derivation(source, card, order.emission_energy_kev, "stored as such")
    dataset = Dataset()
    for module in (
        patient_and_study(source),
        series.general_series(source, series_uid, made_at, "NM", describing.MAP),
        plane.frame_of_reference(source),
        series.equipment(source, card, provenance, PROFILE, made_at),
        parametric.serial_number(provenance),
        parametric.parametric_map_image(source, derivation, order.findings, made_at),
        image.lossy_compression(source),
        parametric.float_pixel(order.mumap.voxels),
        parametric.functional_groups(source, order.mumap.geometry),
        series.sop_common(source, ParametricMapStorage, instance_uid, made_at),
        image.common_instance_reference(source),
    ):
        dataset.update(module)
    dataset.file_meta = file_meta(ParametricMapStorage, instance_uid, provenance)
    return (dataset,)
