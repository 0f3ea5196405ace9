"""The command line, as scripts and administrators meet it: words, files and exit codes."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from builders import nac_file, torso_counts
from commands import SETTINGS, by_tls, run, running, write_settings
from mumap_node.node.tls.contexts import server_context
from mumap_node.settings.loading import load_settings
from peers import RecordingScp, unused_port

VERBS = (
    "init",
    "check",
    "serve",
    "receive",
    "work",
    "deliver",
    "web",
    "map",
    "jobs",
    "agreement",
    "models",
    "template",
    "simulate",
    "train",
    "export",
    "evaluate",
    "gate",
    "demo",
)
ASSUMING = ("--assume-nac", "--model", "uniform-body")
"""How `map` answers toys: the reference model rightly refuses them."""

HEAVY = ("dbos", "onnxruntime", "SimpleITK", "fastapi", "sqlalchemy", "uvicorn", "jinja2")


def test_help_names_every_verb():
    answer = run("--help")
    assert answer.returncode == 0
    assert all(f"\n  {verb} " in answer.stdout for verb in VERBS)


def test_help_loads_nothing_heavy():
    modules = run_with_imports("--help")
    assert not modules & {*HEAVY, "numpy", "pydicom", "pynetdicom"}


def test_a_wrong_command_line_is_exit_code_2():
    assert run("serve", "--nonsense").returncode == 2
    assert run("nonsense").returncode == 2


def test_the_version_is_told():
    assert run("--version").stdout.startswith("mumap-node ")


def test_init_writes_settings_that_are_valid_and_never_overwrites(tmp_path):
    file = tmp_path / "mumap-node.toml"
    assert run("init", file).returncode == 0
    load_settings(file)
    file.write_text("mine")
    again = run("init", file)
    assert again.returncode == 2
    assert again.stderr.startswith("settings-exist: ")
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("serve",),
        ("receive",),
        ("jobs", "list"),
        ("agreement",),
        ("map", "x.dcm", "-o", "out"),
    ],
    ids=" ".join,
)
def test_wrong_settings_are_exit_code_2_with_all_problems_at_once(tmp_path, arguments):
    file = write_settings(tmp_path, 104, SETTINGS.replace("timezone", "timezon"))
    file.write_text(file.read_text().replace('"sender"', '"sendr"'))
    answer = run(*arguments, "-c", file, cwd=tmp_path)
    assert answer.returncode == 2
    lines = answer.stderr.splitlines()
    assert all(line.startswith(f"settings-invalid: {file}: ") for line in lines)
    assert "node.timezon: " in answer.stderr
    assert 'did you mean "timezone"?' in answer.stderr
    assert 'destinations[1] (of "all"): expected the name of a destination' in answer.stderr


def test_a_file_that_was_named_must_exist(tmp_path):
    answer = run("check", "-c", tmp_path / "nowhere.toml")
    assert answer.returncode == 2
    assert answer.stderr.startswith("settings-not-found: ")


def test_check_looks_at_certificates_and_calls_by_tls(tmp_path, hospital):
    ours = hospital.issue("soon.example.org", days=10)
    archive = hospital.issue("archive.example.org", address="127.0.0.1")
    text = by_tls(ours)
    with RecordingScp(tls=server_context(archive)) as pacs:
        answer = run("check", "-c", write_settings(tmp_path, pacs.port, text))
        hospital.issue("soon.example.org", days=-1)
        later = run("check", "-c", write_settings(tmp_path, pacs.port, text))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert re.search("warning +certificates +certificate-expires-soon: ", answer.stdout)
    assert "by TLS answers C-ECHO" in answer.stdout
    assert later.returncode == 2
    assert re.search("wrong +certificates +certificate-expired: ", later.stdout)
    assert re.search("wrong +destination archive +certificate-refused: ", later.stdout)


def test_check_finds_everything_right(tmp_path):
    with RecordingScp() as archive:
        answer = run("check", "-c", write_settings(tmp_path, archive.port))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "wrong" not in answer.stdout
    for looked_at in (
        "settings",
        "model uniform-body-1.0",
        "data directory",
        "destination archive",
    ):
        assert looked_at in answer.stdout


def test_check_tells_a_silent_destination_by_exit_code_4(tmp_path):
    answer = run("check", "--json", "-c", write_settings(tmp_path, unused_port()))
    assert answer.returncode == 4
    (wrong,) = [found for found in json.loads(answer.stdout) if found["verdict"] == "wrong"]
    assert wrong["name"] == "destination archive"
    assert wrong["reason"] == "peer-unreachable"


def test_check_tells_what_the_node_could_not_start_with_by_exit_code_2(tmp_path):
    file = write_settings(tmp_path, unused_port())
    (tmp_path / "data").write_text("a file where a folder should be")
    answer = run("check", "-c", file)
    assert answer.returncode == 2
    assert "data-dir-not-writable" in answer.stdout


def test_a_route_without_a_model_takes_the_reference(tmp_path):
    settings = SETTINGS.replace('model = "uniform-body-1.0"', "")
    answer = run("check", "-c", write_settings(tmp_path, unused_port(), settings))
    assert "model reference-tc99m-1.0" in answer.stdout


def test_models_are_listed_and_verified():
    listed = run("models", "list", "--json")
    identities = [model["model"] for model in json.loads(listed.stdout)]
    assert identities == ["reference-tc99m-1.0", "uniform-body-1.0"]
    assert run("models", "verify").returncode == 0


def own_model(folder):
    """A site's own model, which no settings know of."""
    source = Path(__file__).parents[2] / "models" / "uniform-body-1.0"
    model = folder / "exported" / "my-site-1.0"
    shutil.copytree(source, model)
    card = (source / "model.toml").read_text()
    (model / "model.toml").write_text(card.replace('name = "uniform-body"', 'name = "my-site"'))
    return model


@pytest.mark.parametrize("named", ["my-site-1.0", "."])
def test_a_model_is_verified_and_listed_where_it_lies(tmp_path, named):
    place = own_model(tmp_path).parent / named
    verified = run("models", "verify", place, "--json")
    assert verified.returncode == 0, verified.stderr
    assert [row["model"] for row in json.loads(verified.stdout)] == ["my-site-1.0"]
    listed = run("models", "list", place, "--json")
    assert [row["model"] for row in json.loads(listed.stdout)] == ["my-site-1.0"]


def test_a_model_nobody_has_is_exit_code_2():
    answer = run("models", "verify", "my-site-1.0")
    assert answer.returncode == 2
    assert answer.stderr.startswith("model-missing: ")


def test_a_damaged_model_is_exit_code_2(tmp_path):
    source = load_settings(write_settings(tmp_path, 104)).node.models_dir / "uniform-body-1.0"
    model = tmp_path / "models" / "uniform-body-1.0"
    model.mkdir(parents=True)
    for file in source.iterdir():
        content = file.read_bytes()
        (model / file.name).write_bytes(content[:-1] if file.name == "model.onnx" else content)
    settings = SETTINGS.replace("[node]", '[node]\nmodels_dir = "models"')
    answer = run("models", "verify", "-c", write_settings(tmp_path, 104, settings))
    assert answer.returncode == 2
    assert answer.stderr.startswith("model-checksum: ")


def test_a_node_that_never_ran_has_no_jobs(tmp_path):
    file = write_settings(tmp_path, 104)
    assert json.loads(run("jobs", "list", "--json", "-c", file).stdout) == []
    unknown = run("jobs", "show", "0a1b", "-c", file)
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("no-such-job: ")


def test_the_receiver_stays_small(tmp_path):
    """Reception must be quick to start and hard to kill: nothing of the engine or the models."""
    file = write_settings(tmp_path, 104)
    log = tmp_path / "log"
    with running("receive", "-c", file, log=log, options=("-X", "importtime")) as receiver:
        receiver.wait_for("receiver.started")
        assert receiver.stop() == 0
    lines = log.read_text().splitlines()
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "pynetdicom" in loaded
    assert not loaded & set(HEAVY)


def run_with_imports(*arguments: str) -> set[str]:
    """Top-level modules a verb loads."""
    script = (
        "import sys\n"
        f"sys.argv = ['mumap-node', *{arguments!r}]\n"
        "from mumap_node.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules, sep=chr(10), file=sys.stderr)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in answer.stderr.split()}


class TestMap:
    """`map`: the physicist's door."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        path = tmp_path / "in" / "stress.dcm"
        path.parent.mkdir()
        path.write_bytes(nac_file(voxels=torso_counts() + 2))  # no field of view without counts
        return path

    def test_a_file_becomes_a_map_named_after_it(self, tmp_path, source):
        out = tmp_path / "out"
        answer = run("map", source, "-o", out, *ASSUMING)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        mumap = dcmread(out / "stress.mumap.dcm")
        assert "SYNTHETIC" in mumap.ImageType
        assert f"  {out / 'stress.mumap.dcm'}\n" in answer.stdout
        assert "1 made" in answer.stdout

    def test_findings_are_printed_and_machine_readable(self, tmp_path, source):
        answer = run("map", source, "-o", tmp_path, *ASSUMING, "--json")
        (told,) = json.loads(answer.stdout)
        assert told["outcome"] == "made"
        assert told["model"] == "uniform-body-1.0"
        assert told["files"] == [str(tmp_path / "stress.mumap.dcm")]
        assert {"check", "verdict", "found", "limit", "relaxed"} == set(told["findings"][0])

    def test_the_same_command_gives_the_same_objects(self, tmp_path, source):
        uids = []
        for name in ("a", "b"):
            assert run("map", source, "-o", tmp_path / name, *ASSUMING).returncode == 0
            uids.append(dcmread(tmp_path / name / "stress.mumap.dcm").SOPInstanceUID)
        assert uids[0] == uids[1]

    def test_a_rejected_input_is_exit_code_3_with_its_reason(self, tmp_path, source):
        answer = run("map", source, "-o", tmp_path / "out")
        assert answer.returncode == 3
        assert answer.stderr.startswith("correction-undecidable: ")
        assert not (tmp_path / "out").exists()

    def test_one_rejected_input_does_not_keep_the_others(self, tmp_path, source):
        (source.parent / "broken.dcm").write_text("no image")
        answer = run("map", source.parent, "-o", tmp_path / "out", *ASSUMING)
        assert answer.returncode == 3
        assert answer.stderr.startswith("unreadable: ")
        assert (tmp_path / "out" / "stress.mumap.dcm").exists()

    def test_what_is_not_dicom_in_a_folder_is_only_counted(self, tmp_path, source):
        (source.parent / "case.json").write_text("{}")
        (source.parent / "labels.nii.gz").write_bytes(bytes.fromhex("1f8b0800") + bytes(200))
        answer = run("map", source.parent, "-o", tmp_path / "out", *ASSUMING)
        assert answer.returncode == 0, answer.stderr
        assert "case.json" not in answer.stdout + answer.stderr
        assert "1 made" in answer.stdout
        assert "2 not-dicom" in answer.stdout

    def test_the_same_file_named_is_rejected(self, tmp_path, source):
        (source.parent / "case.json").write_text("{}")
        answer = run("map", source.parent / "case.json", "-o", tmp_path / "out")
        assert answer.returncode == 3
        assert answer.stderr.startswith("unreadable: ")

    def test_a_folder_of_other_files_is_a_mistake(self, tmp_path):
        (tmp_path / "case.json").write_text("{}")
        answer = run("map", tmp_path, "-o", tmp_path / "out")
        assert answer.returncode == 2
        assert answer.stderr.startswith("no-input: expected DICOM files in ")
        assert "found 1 other" in answer.stderr

    def test_a_model_may_be_a_folder_anywhere(self, tmp_path, source):
        model = own_model(tmp_path)
        answer = run("map", source, "-o", tmp_path / "out", "--assume-nac", "--model", model,
                     "--json")  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)[0]["model"] == "my-site-1.0"

    def test_a_file_that_does_not_exist_is_rejected(self, tmp_path):
        answer = run("map", tmp_path / "nowhere.dcm", "-o", tmp_path)
        assert answer.returncode == 3
        assert answer.stderr.startswith("unreadable: ")

    def test_files_of_one_name_do_not_overwrite_each_other(self, tmp_path, source):
        other = source.parent / "deeper" / "stress.dcm"
        other.parent.mkdir()
        other.write_bytes(nac_file(voxels=torso_counts() + 2, SOPInstanceUID="2.25.777"))
        assert run("map", source.parent, "-o", tmp_path / "out", *ASSUMING).returncode == 0
        names = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert names == ["stress-2.mumap.dcm", "stress.mumap.dcm"]

    def test_hidden_files_and_media_directories_are_left_out(self, tmp_path, source):
        (source.parent / ".hidden").write_text("")
        (source.parent / "DICOMDIR").write_text("")
        assert run("map", source.parent, "-o", tmp_path / "out", *ASSUMING).returncode == 0

    def test_our_own_map_is_ignored(self, tmp_path, source):
        out = tmp_path / "out"
        run("map", source, "-o", out, *ASSUMING)
        answer = run("map", out, "-o", tmp_path / "again", *ASSUMING)
        assert answer.returncode == 0
        assert "1 ignored" in answer.stdout
        assert answer.stderr.startswith("own-map: ")

    def test_a_folder_without_files_is_a_mistake(self, tmp_path):
        answer = run("map", tmp_path, "-o", tmp_path / "out")
        assert answer.returncode == 2
        assert answer.stderr.startswith("no-input: expected DICOM files in ")

    def test_a_map_that_failed_its_checks_lies_under_held_alone(self, tmp_path):
        """Hardly any counts in the field of view: not the outline of a patient."""
        voxels = np.zeros((16, 48, 48), dtype=np.int16)
        voxels[7:9, 23:25, 23:25] = 500
        (tmp_path / "point.dcm").write_bytes(nac_file(voxels=voxels))
        answer = run("map", tmp_path / "point.dcm", "-o", tmp_path / "out", *ASSUMING)
        assert answer.returncode == 3, answer.stdout
        assert answer.stderr.startswith("implausible-map: ")
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["held"]
        assert (tmp_path / "out" / "held" / "point.mumap.dcm").exists()

    def test_a_map_as_ct_images_is_a_file_for_each_slice(self, tmp_path, source):
        profile = ("--profile", "pseudo-ct symbia-130kvp")
        answer = run("map", source, "-o", tmp_path / "out", *ASSUMING, *profile)
        assert answer.returncode == 0, answer.stderr
        names = sorted(path.name for path in (tmp_path / "out").iterdir())
        frames = dcmread(source).NumberOfFrames
        stem = f"{source.stem}.mumap-pseudo-ct-symbia-130kvp"
        assert names == [f"{stem}-{number:03}.dcm" for number in range(1, frames + 1)]

    def test_the_first_matching_route_decides(self, tmp_path, source):
        file = write_settings(tmp_path, 104)
        answer = run("map", source, "-o", tmp_path / "out", "-c", file, "--json")
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)[0]["route"] == "all"

    @pytest.mark.parametrize("action", ["ignore", "compare"])
    def test_a_route_may_leave_an_image_alone(self, tmp_path, source, action):
        ignoring = SETTINGS.replace(
            "[[routes]]",
            f'[[routes]]\nname = "stress"\naction = "{action}"\n'
            'match = {{ SeriesDescription = {{ regex = "STRESS.*" }} }}\n[[routes]]',
            1,
        )
        file = write_settings(tmp_path, 104, ignoring)
        answer = run("map", source, "-o", tmp_path / "out", "-c", file, "--json")
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)[0]["reason"] == "route-ignores"

    def test_with_a_model_the_options_alone_decide(self, tmp_path, source):
        file = write_settings(tmp_path, 104)
        answer = run("map", source, "-o", tmp_path, "-c", file, "--model", "uniform-body")
        assert answer.returncode == 3, "the route's assume_nac must not count"

    @pytest.mark.parametrize(
        ("option", "reason"),
        [
            (("--model", "nonsense"), "model-missing: "),
            (("--profile", "standart"), "unknown-profile: "),
            (("--profile", "pseudo-ct"), "unknown-profile: "),
            (("--relax", "units"), ""),
        ],
    )
    def test_an_unknown_name_is_exit_code_2(self, tmp_path, source, option, reason):
        answer = run("map", source, "-o", tmp_path, "--assume-nac", *option)
        assert answer.returncode == 2
        assert answer.stderr.startswith(reason)

    def test_a_template_and_a_profile_are_too_much(self, tmp_path, source):
        answer = run("map", source, "-o", tmp_path, "--template", "t", "--profile", "standard")
        assert answer.returncode == 2
        assert "found both" in answer.stderr

    def test_a_template_that_is_not_there_is_told(self, tmp_path, source):
        answer = run("map", source, "-o", tmp_path, "--template", tmp_path / "none.toml")
        assert answer.returncode == 2
        assert answer.stderr.startswith("template-not-readable: ")

    def test_a_station_s_own_map_becomes_a_template_and_maps_follow_it(self, tmp_path, source):
        run("map", source, "-o", tmp_path, *ASSUMING, "--profile", "siemens")
        stations, template = tmp_path / "stress.mumap-siemens.dcm", tmp_path / "station.toml"

        inspected = run("template", "inspect", stations, "-o", template)

        assert inspected.returncode == 0, inspected.stderr
        assert "1/cm is stored as 10000" in inspected.stdout
        edited = template.read_text("utf-8").replace("SYNTHETIC MU-MAP {source}", "ACMAP {source}")
        template.write_text(edited, "utf-8")
        again = run("template", "inspect", stations, "-o", template)
        assert (again.returncode, again.stderr.partition(":")[0]) == (2, "template-exists")
        assert template.read_text("utf-8") == edited

        by_option = run("map", source, "-o", tmp_path / "a", *ASSUMING, "--template", template)
        text = SETTINGS.replace(
            "port = {port}", 'port = {port}\nprofile = "template"\ntemplate = "station.toml"'
        ).replace('["sender"]', '["archive"]')
        file = write_settings(tmp_path, 104, text)
        by_route = run("map", source, "-o", tmp_path / "b", "-c", file)
        for answer in (by_option, by_route):
            assert answer.returncode == 0, answer.stderr
        (one,), (other,) = ([*(tmp_path / name).glob("*.dcm")] for name in "ab")
        assert one.name == other.name
        for path in (one, other):
            assert dcmread(path).SeriesDescription == "SYNTHETIC ACMAP STRESS nAC"

    def test_a_template_is_made_of_nuclear_medicine_only(self, tmp_path):
        answer = run("template", "inspect", tmp_path)
        assert answer.returncode == 3
        assert answer.stderr.startswith("unreadable: ")

    def test_a_template_that_cannot_be_written_is_told(self, source):
        answer = run("template", "inspect", source, "-o", source / "station.toml")
        assert answer.returncode == 2
        assert answer.stderr.startswith("output-not-writable: ")

    def test_a_place_that_cannot_be_written_is_told(self, source):
        answer = run("map", source, "-o", source, *ASSUMING)
        assert answer.returncode == 2
        assert answer.stderr.startswith("output-not-writable: ")

    def test_hostile_files_are_rejected_one_by_one(self, tmp_path, shared_data):
        answer = run("map", shared_data / "malformed", "-o", tmp_path, *ASSUMING, "--json")
        assert answer.returncode == 3
        told = json.loads(answer.stdout)
        assert len(told) >= 132
        assert all(answer["reason"] for answer in told)
        assert "Traceback" not in answer.stderr
