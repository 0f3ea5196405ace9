import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from mumap_node.imaging.definitions import METRICS
from mumap_node.training.evaluation.evaluating import Rejected
from mumap_node.training.evaluation.methods import MODEL, NO_MAP, WATER
from mumap_node.training.evaluation.results import as_csv, assemble
from mumap_node.training.evaluation.studies import measure, study
from patients import case, scaled_models

ABOUT = {"model": "toy-1.0"}
REJECTED = [Rejected("case-00009", "no-counts", "expected counts, found none")]


def results_of(model, cases=6, *, correct=True):
    methods = scaled_models(model)
    return [measure(study(case(seed), methods, correct=correct)) for seed in range(cases)]


@pytest.fixture(scope="module")
def results():
    return results_of(1.1)


def test_a_perfect_model_has_no_errors():
    errors = results_of(1.0, 1)[0].errors[MODEL]

    assert set(errors) == set(METRICS)
    lacs = {name: errors[name] for name in ("lac_body_per_cm", "lac_soft_per_cm")}
    best = {"ssim": 1, "dice_body": 1, "dice_lungs": 1, "psnr_db": math.inf, **lacs}
    assert errors == {name: pytest.approx(best.get(name, 0)) for name in METRICS}


def test_the_figures_of_a_model_that_is_a_tenth_too_high(results):
    document = assemble(results, REJECTED, ABOUT)
    model = document["strata"]["core"]["methods"][MODEL]

    assert document["about"] == ABOUT
    assert model["nmae_sum"]["mean"] == pytest.approx(0.1, rel=1e-5)
    assert model["nmae_sum"]["n"] == document["strata"]["core"]["cases"] == 4
    assert document["strata"]["rest"]["cases"] == 2
    assert document["strata"]["all"]["cases"] == document["strata"]["all"]["patients"] == 6
    assert set(document["strata"]["core"]["methods"]) == {MODEL, WATER, NO_MAP}
    assert "nmae_range" not in document["strata"]["core"]["methods"][NO_MAP]
    assert document["rejected"][0]["name"] == "case-00009"
    assert document["segments"]["core"][MODEL]["all segments"]["bias"] == pytest.approx(0, abs=1e-6)
    assert document["segments"]["core"][MODEL]["apex"]["upper"] > -10
    json.dumps(document, allow_nan=False)


def test_figures_come_by_subgroup(results):
    found = assemble(results, [], ABOUT)["subgroups"]

    assert set(found) == {"sex", "matrix"}
    assert found["sex"]["F"]["cases"] == found["sex"]["M"]["cases"] == 3
    assert found["matrix"]["64"]["nmae_range"]["n"] == 6
    by_hand = [result.errors[MODEL]["acf_mean_percent"] for result in results[::2]]
    assert found["sex"]["F"]["acf_mean_percent"]["mean"] == pytest.approx(np.mean(by_hand))


def test_classes_come_by_size():
    classes = ["64", "128", "below 25", "25 to 30", "35 and more", "LEGP", "LEHR"]
    made = [
        replace(result, groups={"class": name})
        for result, name in zip(results_of(1.0, 7, correct=False), sorted(classes), strict=True)
    ]
    found = assemble(made, [], ABOUT)["subgroups"]["class"]

    assert list(found) == ["LEGP", "LEHR", "below 25", "25 to 30", "35 and more", "64", "128"]


def test_the_order_of_the_cases_does_not_matter(results):
    assert assemble(results, [], ABOUT) == assemble(results[::-1], [], ABOUT)
    assert as_csv(results) == as_csv(results[::-1])


def test_the_worst_and_the_typical_case_are_those_of_the_first_stratum(results):
    shown = assemble(results, [], ABOUT)["shown"]
    core = sorted(
        (result.errors[MODEL]["nmae_range"], result.name) for result in results if result.is_core
    )

    assert shown["worst"][0] == core[-1][1]
    assert len(shown["worst"]) == 4
    assert shown["typical"] in [name for _, name in core]


def test_pairs_without_strata_are_one_group():
    made = [
        measure(study(case(seed, is_core=None, heart=None), scaled_models(1.1), correct=True))
        for seed in range(3)
    ]
    document = assemble(made, [], ABOUT)

    assert list(document["strata"]) == ["all"]
    assert "lv_bias_percent" not in document["strata"]["all"]["methods"][MODEL]
    assert "acf_mean_percent" not in document["strata"]["all"]["methods"][MODEL]
    assert NO_MAP not in document["strata"]["all"]["methods"]


def test_a_row_a_case_and_method(results):
    rows = list(csv.DictReader(io.StringIO(as_csv(results))))

    assert len(rows) == 6 * 3
    first = rows[0]
    assert (first["case"], first["method"], first["core"]) == ("case-00000", MODEL, "1")
    assert float(first["nmae_sum"]) == pytest.approx(0.1, rel=1e-4)
    assert rows[2]["method"] == NO_MAP
    assert rows[2]["nmae_range"] == ""
    assert [row["patient"] for row in rows[::3]] == ["1", "2", "3", "4", "5", "6"]


def test_without_correction_there_are_no_hearts():
    (result,) = results_of(1.1, 1, correct=False)

    assert not result.segments
    assert result.true_segments.size == 0
    assert NO_MAP not in result.errors
    assert "acf_mean_percent" in result.errors[MODEL]


def test_a_heart_beyond_the_map_is_not_reconstructed():
    x, y, _ = case().heart.centre_mm
    cut_off = case(heart=type(case().heart)((x, y, 175.0), (1.0, 0.0, 0.0), 79.0, 34.0))

    assert study(cut_off, scaled_models(), correct=True).true_heart is None
