"""Simulated cases too small to mean anything, made in milliseconds."""

import numpy as np

from cameras import camera
from mumap_node.imaging.polar import LeftVentricle
from mumap_node.imaging.reconstruction import Orbit
from mumap_node.imaging.volume import Geometry, Quantity, Volume
from mumap_node.training.simulation.acquisition import Acquired, Conditions
from mumap_node.training.simulation.case import Case, Strata
from mumap_node.training.simulation.patient import draw_patient
from mumap_node.training.simulation.protocol import draw_protocol
from mumap_node.training.simulation.tracer import draw_uptake

SHAPE, SPACING_MM = (6, 8, 10), (5.0, 6.0, 7.0)


def tiny_case(seed: int, index: int, *, scatter_windows: bool = True) -> Case:
    """A case of random numbers; a function of its module, so that processes can be given it."""
    rng = np.random.default_rng([seed, index])
    imaged_by = camera(matrix=8, pixel_mm=20.0)
    patient = draw_patient(rng)
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * SPACING_MM
    affine[:3, 3] = (-31.3, -20.7, -11.1)
    geometry = Geometry(SHAPE, affine)
    lac = np.full(SHAPE, 0.1524, np.float32)
    lac[:, :2] = rng.uniform(0, 0.3, (6, 2, 10))
    windows = rng.poisson(30, (3, imaged_by.views, 8, 8)).astype(np.float32)
    return Case(
        seed=seed,
        index=index,
        patient=patient,
        uptake=draw_uptake(patient, rng),
        camera=imaged_by,
        protocol=draw_protocol(rng, camera(), 0.0),
        heart=LeftVentricle((40.0, -30.0, 0.0), (0.6, -0.8, 0.0), 90.0, 30.0),
        nac=Volume(rng.normal(5, 3, SHAPE).astype(np.float32), geometry, Quantity.COUNTS),
        lac=Volume(lac, geometry, Quantity.LAC_PER_CM),
        labels=rng.integers(0, 30, SHAPE, dtype=np.uint8),
        segments=rng.integers(0, 18, SHAPE, dtype=np.uint8),
        acquired=Acquired(
            photopeak=windows[0],
            lower=windows[1] if scatter_windows else None,
            upper=windows[2] if scatter_windows else None,
            orbit=Orbit(225.0 - 180 / 32 * np.arange(32), 200.0 + np.arange(32) % 16),
            bin_mm=20.0,
            slice_mm=20.0,
            camera=imaged_by,
            conditions=Conditions(1.0, 0.0, None),
            scatter_to_primary=0.3,
        ),
        strata=Strata(
            "F", 25.0, "supine", "up", 64, 422.4, 5e6, moved=False, heart_in_field=True, core=True
        ),
    )


def interrupted_case(seed: int, index: int) -> Case:
    """Like ``tiny_case``, but the third never comes about."""
    if index == 2:
        raise InterruptedError
    return tiny_case(seed, index)
