"""Projections (TOMO, GATED TOMO) from datasets to measured counts and their orbit."""
