"""The receiver's process: the DICOM port. What is answered for lies on disk."""
