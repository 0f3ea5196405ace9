"""The science: pure functions on volumes; no DICOM, no files."""
