"""Attributes a watch may match, by the level at which an archive is asked for them."""

STUDY_KEYS = (
    "AccessionNumber",
    "ModalitiesInStudy",
    "PatientID",
    "ReferringPhysicianName",
    "StudyDescription",
    "StudyID",
    "StudyInstanceUID",
)
"""Required and optional keys of the study. Source: PS3.4 C.6.2.1."""

SERIES_KEYS = (
    "BodyPartExamined",
    "InstitutionName",
    "Manufacturer",
    "ManufacturerModelName",
    "ProtocolName",
    "SeriesDescription",
    "StationName",
)
"""Optional keys of the series; which of them an archive knows is its own affair."""
