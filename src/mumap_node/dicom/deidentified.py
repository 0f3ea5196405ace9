"""What an instance says of its own de-identification (PS3.15 Annex E)."""

from pydicom import Dataset

from mumap_node.dicom.elements import text


def identity_was_removed(source: Dataset) -> bool:
    """Whether it states Patient Identity Removed (PS3.3 C.7.1.1)."""
    return text(source, "PatientIdentityRemoved") == "YES"


def dates_may_be_altered(source: Dataset) -> bool:
    """Whether its dates are no calendar dates, or may be none.

    Longitudinal Temporal Information Modified (PS3.3 C.12.1) tells; where it is silent, dates were
    altered if the patient's identity was removed, as the basic profile asks.
    """
    stated = text(source, "LongitudinalTemporalInformationModified")
    return stated != "UNMODIFIED" if stated else identity_was_removed(source)
