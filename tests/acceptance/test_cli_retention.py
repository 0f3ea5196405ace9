"""`mumap-node retention --dry-run`, as an administrator runs it."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands import run, write_settings
from mumap_node.node.spool.files import Spool
from mumap_node.node.worker.retention import Retention, purge
from spools import put_instance, put_job

pytestmark = pytest.mark.ops

DAY = 24 * 60
"""In minutes, by which things are put into the past."""


def _files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


def test_a_dry_run_names_what_the_next_clean_up_removes_and_removes_nothing(tmp_path) -> None:
    settings = write_settings(tmp_path, 104)
    spool = Spool(tmp_path / "data")
    put_instance(spool, 500 * DAY)  # held: for a person, for ever
    job = put_job(spool, 20 * DAY)
    images = spool.instance_file(job.instance_id)
    images.write_bytes(os.urandom(1000))
    before = _files(spool.root)
    dry_run = ("retention", "--dry-run", "--json", "-c", settings)

    assert json.loads(run(*dry_run).stdout) == []
    (row,) = json.loads(run(*dry_run, "--spool-days", "10").stdout)
    assert (row["id"], row["what"]) == (job.instance_id, "images")
    assert (row["files"], row["bytes"]) == (1, 1000)
    assert _files(spool.root) == before

    purge(spool, Retention(spool_days=10), datetime.now(UTC))
    assert before - _files(spool.root) == {images}


def test_without_dry_run_nothing_is_removed_either(tmp_path) -> None:
    refused = run("retention", "-c", write_settings(tmp_path, 104))
    assert refused.returncode == 2
    assert "expected --dry-run" in refused.stderr
