"""A DICOM node that answers a SPECT reconstruction with a synthetic attenuation map."""

from importlib.metadata import version

__version__ = version("mumap-node")
