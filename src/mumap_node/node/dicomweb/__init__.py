"""DICOMweb services as a client meets them: how they are called, over HTTP."""
