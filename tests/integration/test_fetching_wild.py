"""Answers to queries are a stranger's: missing, invalid, too many, or about something else."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from pydicom import DataElement, Dataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage

from archives import QUICK, ScriptedArchive, archive_at, watcher_of
from builders import nac
from mumap_node.errors import TransientError
from mumap_node.node.fetcher.archive import How
from mumap_node.node.fetcher.choosing import Query, Series
from mumap_node.node.fetcher.find import Inquiry
from mumap_node.node.fetcher.retrieve import MOST_CONTEXTS, MOST_LISTED, retrieve, storage_contexts
from mumap_node.node.reception import TRANSFER_SYNTAXES
from mumap_node.node.routing import Condition, Destination
from mumap_node.node.spool.files import Spool
from peers import HOST

STUDY, SERIES, INSTANCE = "2.25.100", "2.25.101", "2.25.102"

Answers = Mapping[str, Sequence[Dataset]]


def answer(**values: object) -> Dataset:
    """An identifier; bytes are sent as they are, since implicit VR does not say what they are."""
    dataset = Dataset()
    for keyword, value in values.items():
        if isinstance(value, bytes):
            dataset[keyword] = DataElement(Tag(keyword), "OB", value + b" " * (len(value) % 2))
        else:
            setattr(dataset, keyword, value)
    return dataset


USUAL: Answers = {
    "STUDY": [answer(StudyInstanceUID=STUDY)],
    "SERIES": [answer(SeriesInstanceUID=SERIES, Modality="NM")],
    "IMAGE": [answer(SOPInstanceUID=INSTANCE)],
}


def search(tmp_path: Path, answers: Answers, **match: Condition) -> tuple[Series, ...]:
    """What is found where an archive answers so."""
    with ScriptedArchive(answers=answers) as scripted:
        return archive_at(Spool(tmp_path), scripted.port).search(Query(match))


def test_an_archive_that_says_only_what_it_must_is_enough(tmp_path: Path) -> None:
    assert search(tmp_path, USUAL) == (Series(STUDY, SERIES, "NM", (INSTANCE,)),)


@pytest.mark.parametrize("uid", [b"", b"../../etc", b"1." * 33, b"\xff\xfe", b"1.2 3"])
@pytest.mark.parametrize("level", ["STUDY", "SERIES"])
def test_an_answer_without_a_uid_is_told_of_and_no_reason_to_leave_others(
    tmp_path: Path, level: str, uid: bytes
) -> None:
    keyword = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID"}[level]
    bad = answer(Modality="NM", **{keyword: uid})
    first, second = search(tmp_path, {**USUAL, level: [bad, *USUAL[level]]})
    assert first.error is not None
    assert first.error.reason == "unusable-answer"
    assert second.instances == (INSTANCE,)


def test_an_instance_without_a_uid_is_left_out(tmp_path: Path) -> None:
    images = [answer(SOPInstanceUID=b"no uid"), *USUAL["IMAGE"]]
    (found,) = search(tmp_path, {**USUAL, "IMAGE": images})
    assert (found.instances, found.is_whole) == ((INSTANCE,), False)


def test_answers_about_something_else_are_not_taken(tmp_path: Path) -> None:
    of_another = answer(StudyInstanceUID="2.25.9", SeriesInstanceUID="2.25.8", Modality="NM")
    image_of_another = answer(SeriesInstanceUID="2.25.8", SOPInstanceUID="2.25.7")
    answers = {
        "STUDY": USUAL["STUDY"],
        "SERIES": [of_another, *USUAL["SERIES"]],
        "IMAGE": [image_of_another, *USUAL["IMAGE"]],
    }
    (found,) = search(tmp_path, answers)
    assert found == Series(STUDY, SERIES, "NM", (INSTANCE,))


def test_what_is_answered_twice_is_there_once(tmp_path: Path) -> None:
    twice = {level: [*answers, *answers] for level, answers in USUAL.items()}
    (found,) = search(tmp_path, twice)
    assert found.instances == (INSTANCE,)


def test_studies_of_other_modalities_are_not_asked_further(tmp_path: Path) -> None:
    study = answer(StudyInstanceUID=STUDY, ModalitiesInStudy=["CT", "SR"])
    with ScriptedArchive(answers={**USUAL, "STUDY": [study]}) as scripted:
        assert archive_at(Spool(tmp_path), scripted.port).search(Query()) == ()
    assert [asked.QueryRetrieveLevel for asked in scripted.asked] == ["STUDY"]


def test_objects_of_classes_this_node_does_not_take_are_left_out(tmp_path: Path) -> None:
    images = [
        answer(SOPInstanceUID="2.25.7", SOPClassUID="1.2.840.10008.5.1.4.1.1.7"),
        answer(SOPInstanceUID=INSTANCE, SOPClassUID=NuclearMedicineImageStorage),
    ]
    (found,) = search(tmp_path, {**USUAL, "IMAGE": images})
    assert (found.instances, found.is_whole) == ((INSTANCE,), False)


def test_text_that_is_none_in_its_character_set_harms_nobody(tmp_path: Path) -> None:
    study = answer(
        SpecificCharacterSet="ISO_IR 192", StudyInstanceUID=STUDY, StudyDescription=b"Myok\xff\xfe"
    )
    answers = {
        **USUAL,
        "STUDY": [study, answer(StudyInstanceUID="2.25.9", StudyDescription="Myok")],
    }
    (found,) = search(tmp_path, answers, StudyDescription=Condition(("Myok",)))
    assert found.study_uid == "2.25.9"


def test_text_is_read_in_the_character_set_it_is_in(tmp_path: Path) -> None:
    study = answer(
        SpecificCharacterSet="ISO_IR 100",
        StudyInstanceUID=STUDY,
        StudyDescription="Myokardszintigraphie für Ärzte".encode("latin-1"),
    )
    condition = Condition(("Myokardszintigraphie für Ärzte",))
    with ScriptedArchive(answers={**USUAL, "STUDY": [study]}) as scripted:
        archive = archive_at(Spool(tmp_path), scripted.port)
        assert len(archive.search(Query({"StudyDescription": condition}))) == 1
    assert scripted.asked[0].StudyDescription == ""  # only what every archive can compare is sent


def test_an_archive_that_answers_without_end_is_stopped() -> None:
    many = [answer(StudyInstanceUID=f"2.25.{n}") for n in range(50)]
    with ScriptedArchive(answers={"STUDY": many}) as scripted:
        destination = Destination("pacs", "ARCHIVE", HOST, scripted.port)
        with (
            Inquiry(destination, "MUMAP", QUICK, most_matches=10) as inquiry,
            pytest.raises(TransientError, match="too-many-matches"),
        ):
            inquiry.ask("STUDY", {"StudyInstanceUID": ""})


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0xA700, "peer-out-of-resources"),
        (0xA900, "request-refused"),
        (0xC001, "request-refused"),
        (0xFE00, "request-refused"),
        (0x0122, "sop-class-refused"),
        (0x0124, "not-authorised"),
        (0x0110, "peer-failed"),
    ],
)
def test_a_refused_query_takes_nothing_and_is_told_of(
    tmp_path: Path, status: int, reason: str
) -> None:
    with ScriptedArchive(answers=USUAL, find_status=status) as scripted:
        look = watcher_of(Spool(tmp_path), archive_at(Spool(tmp_path), scripted.port)).look(bool)
    assert (look.taken, [error.reason for error in look.errors]) == (0, [reason])


@pytest.mark.parametrize("how", How)
@pytest.mark.parametrize("status", [0x0000, 0xA702, 0xB000])
def test_nothing_counts_as_sent_that_did_not_come(tmp_path: Path, how: How, status: int) -> None:
    with ScriptedArchive(retrieve_status=status) as scripted:
        archive = archive_at(Spool(tmp_path), scripted.port, how=how)
        came = retrieve(archive, Series(STUDY, SERIES, "NM", (INSTANCE,)), [INSTANCE])
    assert came.instances == ()
    assert came.error is not None
    assert came.error.reason == "retrieve-incomplete"


def test_what_came_before_an_archive_broke_off_is_not_fetched_again(tmp_path: Path) -> None:
    answers = {**USUAL, "IMAGE": [*USUAL["IMAGE"], answer(SOPInstanceUID="2.25.5")]}
    spool = Spool(tmp_path)
    study = [answer(StudyInstanceUID=STUDY, StudyDate="20260101")]
    with ScriptedArchive(answers={**answers, "STUDY": study}, sends=nac()) as scripted:
        watcher = watcher_of(spool, archive_at(spool, scripted.port))
        look = watcher.look(bool)
        assert (look.taken, [e.reason for e in look.errors]) == (1, ["association-aborted"])
        watcher.look(bool)
    assert len(spool.arrivals()) == 2
    assert scripted.asked[-1].SOPInstanceUID == "2.25.5"


@pytest.mark.parametrize("how", How)
def test_an_archive_that_offers_no_retrieve_is_told_of(tmp_path: Path, how: How) -> None:
    with ScriptedArchive(models=["1.2.840.10008.5.1.4.1.2.2.1"]) as scripted:
        archive = archive_at(Spool(tmp_path), scripted.port, how=how)
        came = retrieve(archive, Series(STUDY, SERIES, "NM", (INSTANCE,)), [INSTANCE])
    assert came.error is not None
    assert came.error.reason == "no-accepted-context"


def test_a_long_list_of_instances_is_asked_for_in_parts(tmp_path: Path) -> None:
    wanted = [f"2.25.{n}" for n in range(MOST_LISTED + 100)]
    with ScriptedArchive() as scripted:
        series = Series(STUDY, SERIES, "CT", tuple(wanted), is_whole=False)
        came = retrieve(archive_at(Spool(tmp_path), scripted.port), series, wanted)
    assert (came.instances, came.error is None) == ((), False)
    assert [list(asked.SOPInstanceUID) for asked in scripted.asked] == [
        wanted[:MOST_LISTED],
        wanted[MOST_LISTED:],
    ]


@pytest.mark.parametrize("count", [1, 2, 9, 10, 60, 127, 300])
def test_all_encodings_find_room_in_an_association(count: int) -> None:
    classes = [f"1.2.840.10008.5.1.4.1.1.{n}" for n in range(count)]
    contexts = storage_contexts(classes)
    assert len(contexts) < MOST_CONTEXTS
    offered: dict[str, list[str]] = {}
    for context in contexts:
        offered.setdefault(str(context.abstract_syntax), []).extend(context.transfer_syntax)
    assert list(offered) == classes[: MOST_CONTEXTS - 1]
    assert all(syntaxes == list(TRANSFER_SYNTAXES) for syntaxes in offered.values())
    assert contexts[0].transfer_syntax[0] == ExplicitVRLittleEndian
