"""A simulated examination as the DICOM objects a camera and its CT would send."""
