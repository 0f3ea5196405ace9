"""One attempt at a map, without an engine."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydicom import dcmread

from builders import card, nac_file, water_where_counts
from mumap_node.dicom.template import Template
from mumap_node.errors import ConfigurationError
from mumap_node.imaging.model_card import ModelCard
from mumap_node.imaging.volume import Voxels
from mumap_node.node.engine.attempts import Attempt, Kind
from mumap_node.node.jobs.dossier import read_dossier
from mumap_node.node.model import LoadedModel
from mumap_node.node.routing import Destination, Route
from mumap_node.node.spool.files import Spool, write_record
from mumap_node.node.spool.records import OperatorWord, Outcome, Result, Verb
from mumap_node.node.worker.admission import Admitter
from mumap_node.node.worker.decisions import Rules
from mumap_node.node.worker.making import Making, MakingOptions, request_of
from mumap_node.pipeline import Model, Predict
from records import job
from templates import TEMPLATE

OPTIONS = MakingOptions("MUMAP", "0.1.0", ZoneInfo("Europe/Berlin"))
ROUTE = Route("all", assume_nac=True, destinations=("pacs", "station"))


class House:
    """A spool with one admitted instance, and whoever makes its map."""

    def __init__(self, folder: Path, profile: str = "standard", **attributes: Any) -> None:
        self.spool = Spool(folder)
        self.predict: Predict = water_where_counts
        self.card: ModelCard = card()
        arrival = self.spool.store_arrival(nac_file(**attributes), b"")
        destinations = {
            name: Destination(name, "A", "192.0.2.1", 104, profile) for name in ROUTE.destinations
        }
        rules = Rules([ROUTE], [], destinations, lambda _name: card())
        job = Admitter(self.spool, rules, _now).admit(arrival)
        assert job is not None
        self.job_id = job.job_id

    def make(
        self,
        number: int = 1,
        open_model: Callable[[str], LoadedModel] | None = None,
        templates: Mapping[str, Template] = MappingProxyType({}),
    ) -> list[Attempt]:
        options = replace(OPTIONS, templates=templates)
        making = Making(self.spool, options, open_model or self.open_model, _now)
        return list(making.attempt(Attempt(Kind.MAP, self.job_id, number)))

    def open_model(self, _identity: str) -> LoadedModel:
        return LoadedModel(Model(self.card, self.predict), "numpy 2")

    @property
    def result(self) -> Result:
        dossier = read_dossier(self.spool, self.job_id)
        assert dossier is not None
        assert dossier.result is not None
        return dossier.result

    @property
    def maps(self) -> list[Path]:
        return sorted(self.spool.job_folder(self.job_id).rglob("*.dcm"))


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_map_is_stored_as_its_result_says(house: House) -> None:
    following = house.make()
    assert [(a.kind, a.destination, a.number) for a in following] == [
        (Kind.DELIVER, "pacs", 1),
        (Kind.DELIVER, "station", 1),
    ]
    result = house.result
    assert (result.outcome, result.reason, result.runtime) == (Outcome.MADE, "", "numpy 2")
    assert result.seconds.keys() == {"read", "line", "infer", "store"}
    (path,) = house.maps
    file = result.files["standard"][0]
    assert path.name == file.name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    assert dcmread(path).SOPInstanceUID == file.sop_instance_uid


def test_what_is_made_is_not_made_again(house: House) -> None:
    house.make()
    before = house.maps[0].read_bytes(), house.result
    house.predict = _must_not_run
    assert len(house.make()) == 2
    assert (house.maps[0].read_bytes(), house.result) == before


def test_another_try_after_a_crash_never_overwrites_a_map(house: House) -> None:
    house.make()
    house.spool.result_file(house.job_id).unlink()
    house.make()
    assert (house.spool.job_folder(house.job_id) / house.result.files["standard"][0].name).exists()
    uids = {dcmread(path).SOPInstanceUID for path in house.maps}
    assert len(uids) == 1


def test_a_map_that_fails_its_checks_is_kept_for_a_person_and_not_delivered(house: House) -> None:
    house.predict = _not_a_number
    assert house.make() == []
    result = house.result
    assert (result.outcome, result.reason) == (Outcome.FAILED_CHECKS, "implausible-map")
    assert result.sentence
    (path,) = house.maps
    assert path.parent.name == "held"


def test_an_input_nobody_can_answer_is_rejected(tmp_path: Path) -> None:
    house = House(tmp_path, slice_vector=[1] * 16)
    assert house.make() == []
    assert house.result.outcome is Outcome.REJECTED
    assert house.result.reason
    assert not house.maps


def test_a_model_that_is_gone_stops_the_job_for_the_administrator(house: House) -> None:
    def missing(_identity: str) -> LoadedModel:
        raise ConfigurationError("model-missing", ["expected model test-1, found none"])

    assert house.make(open_model=missing) == []
    assert (house.result.outcome, house.result.reason) == (Outcome.STOPPED, "model-missing")


def test_another_network_under_the_same_name_is_not_used(house: House) -> None:
    house.card = card(sha256="1" * 64)
    assert house.make() == []
    assert (house.result.outcome, house.result.reason) == (Outcome.STOPPED, "model-changed")


def test_maps_are_encoded_by_the_template_their_job_began_with(tmp_path: Path) -> None:
    house = House(tmp_path, profile=TEMPLATE.name)
    house.make(templates={TEMPLATE.name: TEMPLATE})
    (file,) = house.result.files[TEMPLATE.name]
    stored = house.spool.job_folder(house.job_id) / file.name
    assert dcmread(stored).SeriesDescription.startswith("SYNTHETIC ACMAP")
    assert house.result.files.keys() == {"standard", TEMPLATE.name}


def test_another_template_in_the_place_of_a_jobs_own_is_not_used(tmp_path: Path) -> None:
    other = TEMPLATE.model_copy(update={"stored_per_lac": 10000.0})
    house = House(tmp_path, profile=TEMPLATE.name)
    assert house.make(templates={other.name: other}) == []
    assert (house.result.outcome, house.result.reason) == (Outcome.STOPPED, "template-changed")
    assert not house.maps


def test_an_instance_that_is_gone_is_a_reason(house: House) -> None:
    dossier = read_dossier(house.spool, house.job_id)
    assert dossier is not None
    house.spool.instance_file(dossier.job.instance_id).unlink()
    assert house.make() == []
    assert house.result.reason == "instance-missing"


def test_a_disk_that_fails_only_postpones(house: House) -> None:
    folder = house.spool.job_folder(house.job_id)

    def lose_the_folder(counts: Voxels) -> Voxels:
        folder.rename(folder.with_name("elsewhere"))
        folder.touch()  # a file where the folder should be
        return water_where_counts(counts)

    house.predict = lose_the_folder
    (again,) = house.make(number=3)
    assert (again.kind, again.number) == (Kind.MAP, 4)
    assert again.wait_seconds > 60
    folder.unlink()
    folder.with_name("elsewhere").rename(folder)
    house.predict = water_where_counts
    assert len(house.make(number=4)) == 2


def test_what_is_cancelled_before_is_not_begun(house: House) -> None:
    _cancel(house)
    house.predict = _must_not_run
    assert house.make() == []


def test_what_is_cancelled_meanwhile_leaves_no_result(house: House) -> None:
    def cancelled_meanwhile(counts: Voxels) -> Voxels:
        _cancel(house)
        return water_where_counts(counts)

    house.predict = cancelled_meanwhile
    assert house.make() == []
    assert not house.spool.result_file(house.job_id).exists()


def test_two_workers_that_both_believe_it_theirs_leave_one_result(house: House) -> None:
    def overtaken(counts: Voxels) -> Voxels:
        house.predict = water_where_counts
        house.make(number=2)
        return water_where_counts(counts)

    house.predict = overtaken
    assert len(house.make(number=1)) == 2
    assert house.result.attempt == 2
    assert (house.spool.job_folder(house.job_id) / house.result.files["standard"][0].name).exists()


def _cancel(house: House) -> None:
    write_record(house.spool.operator_file(house.job_id), OperatorWord(Verb.CANCEL, _now()))


def _must_not_run(_counts: Voxels) -> Voxels:
    raise AssertionError


def _not_a_number(counts: Voxels) -> Voxels:
    return np.full_like(counts, np.nan)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({}, ("standard",)),
        ({"pacs": "standard"}, ("standard",)),
        ({"pacs": "parametric-map", "lab": "research"}, ("standard", "parametric-map", "research")),
    ],
    ids=["shadow mode", "standard alone", "other profiles"],
)
def test_the_standard_encoding_is_kept_whatever_is_sent(sent, kept):
    assert request_of(replace(job(), profiles=sent)).profiles == kept
