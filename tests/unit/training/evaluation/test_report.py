import re

import pytest

from mumap_node.imaging.definitions import METRICS
from mumap_node.training.evaluation.methods import MODEL
from mumap_node.training.evaluation.pictures import draw
from mumap_node.training.evaluation.report import HEADLINE, TABLES, render
from mumap_node.training.evaluation.results import assemble
from mumap_node.training.evaluation.studies import measure, study
from patients import case, scaled_models

ABOUT = {
    "model": "toy-1.0",
    "summary": "A toy <b>that is wrong</b>",
    "data": "simulated patients",
    "is_simulated": True,
    "was_trained_on": False,
    "correction": "OSEM 4 x 8",
    "facts": {"cohort": "seed 1"},
}


@pytest.fixture(scope="module")
def studies():
    return {case(seed).name: study(case(seed), scaled_models(1.1), correct=True)
            for seed in range(3)}  # fmt: skip


@pytest.fixture(scope="module")
def results(studies):
    return [measure(studied) for studied in studies.values()]


@pytest.fixture(scope="module")
def pictures(studies):
    return {name: draw(studied) for name, studied in studies.items()}


@pytest.fixture(scope="module")
def document(results):
    return assemble(results, [], ABOUT)


@pytest.fixture(scope="module")
def report(document, results, pictures):
    return render(document, results, pictures)


def test_the_report_holds_the_figures_of_the_results(document, report):
    text = re.sub(r"data:image[^\"]*", "", report)
    for stratum in ("core", "rest"):
        for summaries in document["strata"][stratum]["methods"].values():
            for name, summary in summaries.items():
                assert f"<b>{METRICS[name].shown(summary['mean'])}</b>" in text, name
    for name in HEADLINE:
        assert (
            METRICS[name].shown(document["strata"]["core"]["methods"][MODEL][name]["mean"]) in text
        )


def test_every_figure_is_defined_in_the_report(report):
    for metric in METRICS.values():
        assert metric.definition.replace("|", "|").split(" ")[0] in report
        assert f"<dt>{metric.title}" in report


def test_the_report_says_that_it_is_simulated_and_research(report):
    assert "simulated patients</span>" in report
    assert "research only</span>" in report
    assert "Figures on real patients will be worse" in report


def test_the_report_of_patients_the_model_was_trained_on_says_so_in_red(results, pictures, report):
    about = {**ABOUT, "was_trained_on": True}
    found = render(assemble(results, [], about), results, pictures)

    assert '<span class="wrong">the model was trained on these patients</span>' in found
    assert "trained on these patients" not in report


def test_without_an_interval_none_is_shown(report):
    """Three patients are too few for one."""
    assert "None" not in report
    assert not re.search(r"<small>[^<]* to [^<]*</small></td>", report)


def test_no_table_is_wider_than_a_page():
    assert all(len(names) <= 6 for _, names, _ in TABLES)


def test_the_report_of_real_pairs_does_not(results, pictures):
    about = {**ABOUT, "is_simulated": False, "data": "a site's own examinations"}
    found = render(assemble(results[:1], [], about), results[:1], pictures)

    assert "simulated patients" not in found
    assert "research only</span>" in found


def test_the_report_needs_nothing_beside_it(report):
    addresses = re.findall(r"(?:src|href)=\"([^\"]{0,12})", report)

    assert addresses
    assert all(address.startswith("data:image/") for address in addresses)
    assert "url(" not in report
    assert "<script" not in report


def test_what_a_card_says_is_text_and_never_markup(report):
    assert "A toy &lt;b&gt;that is wrong&lt;/b&gt;" in report


def test_the_same_figures_give_the_same_report(document, report, results, studies):
    again = {name: draw(studied) for name, studied in studies.items()}

    assert render(document, results, again) == report


def test_a_report_without_hearts_has_no_heart():
    studied = study(case(), scaled_models(1.1), correct=False)
    made = [measure(studied)]
    found = render(assemble(made, [], ABOUT), made, {"case-00000": draw(studied)})

    assert "The corrected heart" not in found
    assert "Polar maps of" not in found


def test_a_first_case_without_a_heart_hides_no_other_heart(results, pictures):
    """A CT may end below the ventricle; the next one shows it."""
    studied = study(case(9, heart=None, is_core=None), scaled_models(1.1), correct=True)
    made = [measure(studied), *results]

    drawn = {**pictures, made[0].name: draw(studied)}
    found = render(assemble(made, [], ABOUT), made, drawn)

    assert "The corrected heart" in found


def test_a_case_without_a_heart_is_shown_through_its_hottest_voxels():
    studied = study(case(heart=None, is_core=None), scaled_models(), correct=True)
    made = [measure(studied)]
    found = render(assemble(made, [], ABOUT), made, {"case-00000": draw(studied)})

    assert "Slices of case-00000" in found
