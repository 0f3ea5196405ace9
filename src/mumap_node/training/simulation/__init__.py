"""Simulated patients and cameras: anatomy, tracer, physics and reconstruction as sites do it."""
