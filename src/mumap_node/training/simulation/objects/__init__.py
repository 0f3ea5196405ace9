"""A simulated examination as the DICOM objects a camera would send."""
