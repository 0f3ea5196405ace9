"""The numbers of docs/simulation.md, as Markdown tables."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from bodies import ANGLES_DEG, CAMERA_ARC, Body
from physics import DEPTHS_CM, RADII_MM, THICKNESSES_MM, WINDOWS_KEV, Checks
from pictures import comparable
from subjects import Looked, drawn

from mumap_node.imaging.attenuation import HU_TABLES, WATER_LAC_140KEV_PER_CM
from mumap_node.training.simulation.ct.volumes import TABLE
from mumap_node.training.simulation.patient import Patient

TRAINING_SEED, TRAINING_CASES = 1, 2000

Measure = Callable[[Body], float]


def population() -> None:
    """The patients of the training cohort, as drawn."""
    pairs = [drawn(TRAINING_SEED, index) for index in range(TRAINING_CASES)]
    patients = [patient for patient, _ in pairs]
    uptakes = [uptake for _, uptake in pairs]
    women = [patient for patient in patients if patient.sex == "F"]
    men = [patient for patient in patients if patient.sex == "M"]
    _head("population", "5th", "median", "95th percentile")
    for group, name in ((women, "women"), (men, "men")):
        _spread(f"height, {name} (cm)", [one.height_cm for one in group], 0)
    _spread("age (years)", [one.age_years for one in patients], 0)
    _spread("BMI (kg/m²)", [one.bmi for one in patients], 1)
    _spread("weight (kg)", [one.weight_kg for one in patients], 0)
    for group, name in ((women, "women"), (men, "men")):
        _spread(f"fat under the skin of the chest, {name} (mm)",
                [one.fat.chest_mm for one in group], 0)  # fmt: skip
    _spread("LAC of fat (1/cm)", [one.fat.lac_per_cm for one in patients], 4)
    _spread("breast, women (ml)", [one.thorax.breast_ml for one in women], 0)
    _spread("lung density (g/cm³)", [one.lungs.density_g_per_cm3 for one in patients], 3)
    _spread("dome of the diaphragm (mm)", [one.lungs.diaphragm_mm for one in patients], 0)
    _spread("way of the diaphragm (mm)", [one.lungs.breathing_mm for one in patients], 0)
    _spread("left ventricle, length (mm)", [one.heart.length_mm for one in patients], 0)
    _spread("left ventricle, radius (mm)", [one.heart.radius_mm for one in patients], 1)
    _spread("wall (mm)", [one.heart.wall_mm for one in patients], 1)
    _spread("long axis to the left (°)", [one.heart.leftward_deg for one in patients], 0)
    _spread("long axis downwards (°)", [one.heart.downward_deg for one in patients], 0)
    for tissue in ("LUNG", "LIVER", "BLOOD", "MUSCLE"):
        _spread(f"{tissue} over myocardium", [one.ratios[tissue] for one in uptakes], 2)
    spots = Counter(spot.kind for one in uptakes for spot in one.hot_spots)
    print(
        f"\nwomen {_share(patients, lambda one: one.sex == 'F')}, "
        f"prone {_share(patients, lambda one: one.position == 'prone')}, "
        f"arms down {_share(patients, lambda one: one.arms == 'down')}, "
        f"device {_share(patients, lambda one: one.device != 'none')}, "
        f"effusion {_share(patients, _has_effusion)}; "
        f"defects 0 to 3: {sorted(Counter(len(one.defects) for one in uptakes).items())}; "
        f"hot spots {dict(spots)}\n"
    )


def _has_effusion(patient: Patient) -> bool:
    return max(patient.lungs.effusion_right_mm, patient.lungs.effusion_left_mm) > 0


def physics(checks: Checks) -> None:
    """Against what is known."""
    known = np.exp(-WATER_LAC_140KEV_PER_CM * THICKNESSES_MM / 10)
    worst = np.abs(checks.transmission / known - 1).max()
    print(f"transmission, largest error {worst:.2%}: {_list(checks.transmission, 4)}\n")
    _head("scatter to primary, model / traced", *(f"{depth:g} cm" for depth in DEPTHS_CM))
    for name, modelled, traced in zip(WINDOWS_KEV, checks.modelled, checks.traced, strict=True):
        cells = (
            f"{ours:.3f} / {theirs:.3f}" for ours, theirs in zip(modelled, traced, strict=True)
        )
        _row(name, *cells)
    print()
    _head("resolution", *(f"{distance:.0f} mm" for distance in RADII_MM))
    _row("as projected (mm)", *(f"{width:.1f}" for width in checks.fwhm_mm))
    _row("crystal and collimator (mm)", *(f"{width:.1f}" for width in checks.stated_mm))
    print("\nat 100 mm:", ", ".join(f"{key}: {value:.1f} mm" for key, value in
                                    checks.collimators_mm.items()), "\n")  # fmt: skip


def counts(looked: Sequence[Looked]) -> None:
    """Of the cases that were imaged."""
    seen = [one.counted for one in looked if one.counted]
    _head(f"{len(seen)} cases", "5th", "median", "95th percentile")
    _spread("photopeak (million counts)", [one.million for one in seen], 1)
    _spread("hottest percent of the pixels (counts)", [one.peak for one in seen], 0)
    for window in (0.15, 0.20):
        those = [one for one in seen if abs(one.window - window) < 0.01]
        name = f"{window:.0%} window"
        _spread(f"scattered share, {name}", [one.scatter for one in those], 2)
        for number, kind in ((2, "two windows"), (1, "one window")):
            values = [one.estimate for one in those if one.windows == number]
            _spread(f"estimated over true scatter, {name}, {kind}", values, 2)
    _spread("nAC, lung over wall", [one.lung for one in seen], 2)
    _spread("nAC, liver over wall", [one.liver for one in seen], 2)
    _spread("nAC, muscle over wall", [one.muscle for one in seen], 2)
    print()
    _head("planar", "n", "lung over heart", "heart over liver")
    for tracer in ("sestamibi", "tetrofosmin"):
        for is_rest, state in ((True, "rest"), (False, "stress")):
            those = [
                one for one in seen if one.tracer == tracer and (one.state == "rest") == is_rest
            ]
            lung = [one.planar_lung for one in those]
            liver = [1 / one.planar_liver for one in those]
            _row(f"{tracer}, {state}", str(len(those)), _mean(lung), _mean(liver))
    print()


def coverage(looked: Sequence[Looked], real: Sequence[Body]) -> None:
    """Each real torso in the population it should come from: value, percentile."""
    bodies = comparable(looked)
    _head(f"{len(bodies)} simulated", "5th", "median", "95th", *(body.name for body in real))
    whole = [None if body.has_arms else body for body in real]
    ct = [body if body.has_ct_values else None for body in real]
    section = ("area (cm²)", "width (mm)", "depth (mm)", "share of lung")
    for number, name in enumerate(section):
        digits = 2 if number == 3 else 0
        _against(bodies, whole, f"through the ventricle: {name}",
                 lambda body, at=number: body.heart_section[at], digits)  # fmt: skip
    _against(bodies, whole, "through the ventricle: width over depth",
             lambda body: body.heart_section[1] / body.heart_section[2], 2)  # fmt: skip
    for height in (-80, 0, 40):
        _against(bodies, real if height < 10 else whole,
                 f"area {height:+d} mm from the diaphragm (cm²)",
                 lambda body, at=height: body.at(body.area_cm2, at), 0)  # fmt: skip
    _against(bodies, real, "lungs up to +40 mm (ml)", lambda body: body.lung_ml(40.0)
             if body.top_mm >= 40 else np.nan, 0)  # fmt: skip
    _against(bodies, ct, "lung (1/cm)", lambda body: body.lung_per_cm, 4)
    _against(bodies, ct, "lung as mixture of air and water (1/cm)", _mixed, 4)
    _against(bodies, ct, "peak of fat (1/cm)", lambda body: body.fat_per_cm, 4)
    _against(bodies, ct, "peak of muscle and organs (1/cm)", lambda body: body.muscle_per_cm, 4)
    _against(bodies, ct, "share of fat", lambda body: body.fat_share, 2)
    _against(bodies, ct, "bone, smoothed (%)", lambda body: body.bone_share, 2)
    _against(
        bodies, whole, "line integral, mean of 180°", lambda body: body.rays[CAMERA_ARC].mean(), 2
    )
    _against(bodies, whole, "line integral, mean of 360°", lambda body: body.rays.mean(), 2)
    _against(bodies, whole, "line integral, least", lambda body: body.rays.min(), 2)
    _against(bodies, whole, "line integral, greatest", lambda body: body.rays.max(), 2)
    for angle, name in ((180, "front"), (90, "left"), (0, "back"), (270, "right")):
        here = int(np.flatnonzero(angle == ANGLES_DEG)[0])
        _against(
            bodies, whole, f"line integral to the {name}", lambda body, at=here: body.rays[at], 2
        )
    print()


def _mixed(body: Body) -> float:
    """A lung's LAC had its CT numbers become attenuation as mixtures of air and water."""
    if not body.name:
        return body.lung_per_cm
    table = HU_TABLES[TABLE]
    hu = (body.lung_per_cm - table.water_per_cm) / table.below_per_hu
    return WATER_LAC_140KEV_PER_CM * (1 + hu / 1000)


def _against(
    bodies: Sequence[Body], real: Sequence[Body | None], name: str, measure: Measure, digits: int
) -> None:
    """A row: percentiles at the ventricle, and where each real torso lies at its own height."""
    low, middle, high = np.nanpercentile([measure(body) for body in bodies], (5, 50, 95))
    cells = []
    for one in real:
        value = np.nan if one is None else float(measure(one))
        if np.isnan(value):
            cells.append("-")
            continue
        simulated = np.array([measure(body.through(one.heart_mm)) for body in bodies])
        below = 100 * np.mean(simulated[np.isfinite(simulated)] < value)
        cells.append(f"{value:.{digits}f} ({below:.0f})")
    _row(name, *(f"{value:.{digits}f}" for value in (low, middle, high)), *cells)


def _spread(name: str, values: Sequence[float], digits: int) -> None:
    if np.isfinite(values).any():
        _row(name, *(f"{value:.{digits}f}" for value in np.nanpercentile(values, (5, 50, 95))))


def _mean(values: Sequence[float]) -> str:
    return f"{np.nanmean(values):.2f} ± {np.nanstd(values):.2f}"


def _share(patients: Sequence[Patient], is_one: Callable[[Patient], bool]) -> str:
    return f"{np.mean([is_one(patient) for patient in patients]):.1%}"


def _list(values: Sequence[float], digits: int) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values)


def _head(*cells: str) -> None:
    _row(*cells)
    print("|" + "---|" * len(cells))


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |")
