"""Pairs of a nAC reconstruction and the attenuation map it should have been answered with."""
