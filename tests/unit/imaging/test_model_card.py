import pytest

import phantoms
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.model_card import parse_model_card

TEXT = (phantoms.BASELINE / "model.toml").read_text()


def problems(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_model_card(text)
    assert caught.value.reason == "model-card"
    return caught.value.problems


def test_a_card_knows_the_name_of_its_folder():
    assert parse_model_card(TEXT).identity == "uniform-body-1.0"


def test_text_that_is_no_toml_is_refused():
    assert problems("name = ")[0].startswith("model.toml is not TOML")


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("[limits]", "limits.colimator_types"),
        ("[input.normalisation]", "input.normalisation.factor"),
        ("[plausibility]", "plausibility.lungs.shape"),
        ("[golden]", "golden.note"),
    ],
)
def test_an_unknown_key_is_named(place, key):
    name = key.removeprefix(place.strip("[]") + ".")

    found = problems(TEXT.replace(place, f"{place}\n{name} = 1"))

    assert any(problem.startswith(f"model.toml: {key}: ") for problem in found)


def test_every_problem_is_told_at_once():
    broken = TEXT.replace("[120.0, 160.0]", "[160.0, 120.0]").replace('"narrow"', '"wide"')

    found = problems(broken)

    assert len(found) == 2
    assert any("limits.energy_window_kev" in problem for problem in found)
    assert any("output.beam" in problem for problem in found)


def test_a_shape_has_to_fit_the_stride_of_the_network():
    text = TEXT.replace("[input]", "[input]\nshape = [64, 64, 60]\nmultiple_of = 8")

    assert "multiples of 8" in problems(text)[0]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('beam = "narrow"\nconverts_to_kev = [1000.0]', "others have no table"),
        ('beam = "broad"\nconverts_to_kev = [72.0]', "narrow-beam"),
    ],
)
def test_maps_are_converted_only_where_tables_allow(lines, problem):
    assert problem in problems(TEXT.replace('beam = "narrow"', lines))[0]


def test_golden_files_lie_beside_the_card():
    assert "golden.input" in problems(TEXT + 'input = "../../etc/x.npy"\n')[0]
