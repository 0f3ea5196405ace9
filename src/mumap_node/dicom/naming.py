"""What the objects of one answer are called, and the head of their files."""

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from mumap_node.dicom.digests import dataset_sha256
from mumap_node.dicom.elements import text
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.uids import (
    IMPLEMENTATION_CLASS_UID,
    derive_uid,
    implementation_version_name,
)
from mumap_node.imaging.model_card import ModelCard


def derived_uids(
    source: Dataset, card: ModelCard, provenance: Provenance, profile: str
) -> tuple[str, str]:
    """SOP and Series Instance UID: the same for the same answer, another for any other.

    A retry, on whatever machine, thus names its object as the attempt before did.
    """
    made_of = (
        text(source, "SOPInstanceUID"),
        dataset_sha256(source),
        card.identity,
        card.sha256,
        profile,
        provenance.settings,
        provenance.software_version,
        str(provenance.run),
    )
    return derive_uid("instance", *made_of), derive_uid("series", *made_of)


def file_meta(sop_class_uid: str, instance_uid: str, provenance: Provenance) -> FileMetaDataset:
    """File meta information (PS3.10 7.1) of an object of ours."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = implementation_version_name(provenance.software_version)
    return meta
