"""What of a node goes into its backup, and what must not."""

import gzip
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from authorities import Authority
from commands import SETTINGS, with_tls, write_settings
from mumap_node.errors import ConfigurationError
from mumap_node.node.spool.files import Spool
from mumap_node.service.backups import back_up, missing_models, restore
from mumap_node.settings.loading import load_settings
from mumap_node.settings.tables import Settings
from records import job, write_job

ADDRESS = "postgresql://mumap:hush@192.0.2.9:5432/mumap"
WEB = """
[[destinations]]
name = "web"
url = "https://pacs.example.org/dicom-web"
token_file = "token"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_job(Spool(tmp_path / "data"), job())
    (tmp_path / "token").write_text("hush-token")
    return write_settings(tmp_path, 104, SETTINGS + WEB)


def _settings(config: Path, url: str = "") -> Settings:
    if url:
        config.write_text(config.read_text() + f'\n[engine]\ndatabase_url = "{url}"\n')
    return load_settings(config)


def test_a_backup_is_for_the_nodes_user_alone_and_says_what_it_does_not_hold(config) -> None:
    file = config.parent / "node.backup"
    manifest = back_up(_settings(config), config, str(file))

    assert file.stat().st_mode & 0o777 == 0o600
    left_out = {"destinations.token_file of web": str(config.parent / "token")}
    assert manifest.header.left_out == left_out
    assert b"hush" not in gzip.decompress(file.read_bytes())
    assert config.read_bytes() in gzip.decompress(file.read_bytes())


def test_certificates_the_audit_trail_is_sent_with_are_named(config, hospital: Authority) -> None:
    theirs = config.parent / "syslog-ca.pem"
    shutil.copy(hospital.certificate, theirs)
    trail = f'\n[audit]\nhost = "syslog.example.org"\nauthorities = "{theirs}"\n'
    config.write_text(with_tls(config.read_text(), hospital.issue("backup")) + trail)

    manifest = back_up(_settings(config), config, str(config.parent / "node.backup"))

    assert manifest.header.left_out["audit.authorities"] == str(theirs)


def test_settings_with_a_password_stay_out_and_those_that_name_its_file_do_not(config) -> None:
    file, inline = config.parent / "1", config.parent / "2"
    (config.parent / "address").write_text(ADDRESS)
    by_file = back_up(_settings(config, "file:address"), config, str(file))
    config.write_text(config.read_text().replace("file:address", ADDRESS))
    written = back_up(_settings(config), config, str(inline))

    assert by_file.header.left_out["engine.database_url"] == "in the file it names"
    assert b"file:address" in gzip.decompress(file.read_bytes())
    assert written.header.left_out["engine.database_url"] == f"in {config}"
    for backup in (file, inline):
        assert b"hush" not in gzip.decompress(backup.read_bytes())


@pytest.mark.parametrize("place", ["data/x", "mumap-node.toml", "nowhere/x"])
def test_a_backup_overwrites_nothing_and_never_holds_itself(config, place) -> None:
    before = config.read_bytes()
    with pytest.raises(ConfigurationError, match="output-not-writable"):
        back_up(_settings(config), config, str(config.parent / place))
    assert config.read_bytes() == before
    assert not list(config.parent.rglob("*.part"))


def test_settings_of_another_machine_make_no_backup_of_nothing(config) -> None:
    (config.parent / "data").rename(config.parent / "elsewhere")
    with pytest.raises(ConfigurationError, match="data-dir-not-found"):
        back_up(_settings(config), config, str(config.parent / "x"))


def test_a_restore_names_the_models_that_are_not_the_same_here(config) -> None:
    file = str(config.parent / "node.backup")
    back_up(_settings(config), config, file)
    (config.parent / "data").rename(config.parent / "lost")
    settings = _settings(config)
    manifest = restore(settings, file)
    assert missing_models(settings, manifest) == []

    manifest.header.models["uniform-body-1.0"] = "0" * 64
    assert missing_models(settings, manifest) == ["uniform-body-1.0"]


def test_a_backup_that_is_not_there_is_told(config) -> None:
    with pytest.raises(ConfigurationError, match="backup-not-readable"):
        restore(_settings(config), str(config.parent / "nowhere"))


def test_a_backup_killed_at_its_end_has_no_name_and_hinders_no_other(config) -> None:
    file = config.parent / "node.backup"
    settings = _settings(config)
    child = os.fork()
    if child == 0:
        trap = {"os.rename": lambda: os.kill(os.getpid(), signal.SIGKILL)}
        sys.addaudithook(lambda event, _arguments: trap.get(event, lambda: None)())
        back_up(settings, config, str(file))
        os._exit(0)

    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert not file.exists()
    back_up(settings, config, str(file))
    assert file.exists()
