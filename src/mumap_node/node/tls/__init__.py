"""TLS for DICOM both ways, and for the page."""
