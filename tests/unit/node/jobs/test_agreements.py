"""The agreement record, from records as they lie in a spool."""

import csv
import io
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agreements import (
    BEGIN,
    CAMERA,
    FIGURES,
    MODEL,
    agreement,
    month,
    not_compared,
    put_agreement,
    rows_of,
)
from mumap_node.imaging.definitions import METRICS
from mumap_node.node.jobs.agreement_csv import as_csv
from mumap_node.node.jobs.agreement_record import Spread, assemble, drifts_told_by, read_record_of
from mumap_node.node.jobs.agreements import read_rows
from mumap_node.node.spool.files import Spool, read_record, write_record
from mumap_node.node.spool.records import Agreement, Decision
from spools import put_job

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def test_a_record_is_read_back_as_it_was_written(spool):
    for number, found in enumerate((agreement(), not_compared()), start=1):
        job = put_agreement(spool, number, found)
        assert read_record(Agreement, spool.agreement_file(job.job_id)) == found


def test_comparisons_come_in_the_order_the_studies_were_received(spool):
    for job, study in enumerate((2, 0, 1), start=1):
        put_agreement(spool, job, agreement(study))
    put_job(spool, 9)  # nothing was compared with its map
    rows = read_rows(spool)
    assert [row.received_at for row in rows] == sorted(row.received_at for row in rows)
    assert [int(row.job_id) for row in rows] == [2, 3, 1]


def test_a_map_that_was_made_again_counts_once(spool):
    """A rerun, or a study whose attributes were corrected, is the same patient."""
    older = put_agreement(spool, 1, agreement(0))
    put_agreement(spool, 2, agreement(1))
    decision = read_record(Decision, spool.decision_file(older.instance_id))
    write_record(spool.decision_file(older.instance_id), replace(decision, superseded_by="newer"))
    assert [int(row.job_id) for row in read_rows(spool)] == [2]


def test_a_damaged_record_costs_no_other_its_place(spool):
    damaged = put_agreement(spool, 1, agreement(0))
    put_agreement(spool, 2, agreement(1))
    spool.agreement_file(damaged.job_id).write_text('{"Doe^Jane')
    assert [int(row.job_id) for row in read_rows(spool)] == [2]


def test_a_spool_without_comparisons_has_an_empty_record(spool):
    record = read_record_of(spool)
    assert (record.rows, record.groups, record.histories, record.drifts) == ((), (), (), ())
    assert record.total.counted == 0


def test_figures_are_medians_with_their_95_percent_range():
    found = [
        agreement(number, figures=FIGURES | {"nmae_range": 0.01 + number / 1e4})
        for number in range(101)
    ]
    spread = assemble(rows_of(*found)).total.figures["nmae_range"]
    assert spread == Spread(101, *map(pytest.approx, (0.015, 0.01025, 0.01975)))


def test_what_lay_elsewhere_or_could_not_be_compared_counts_in_no_figure():
    wrong = FIGURES | {"nmae_range": 0.5}
    apart = agreement(1, figures=wrong, is_registered=False)
    record = assemble(rows_of(agreement(0), apart, not_compared(2), not_compared(3)))
    total = record.total
    assert (total.counted, total.misregistered, total.left_out) == (1, 1, 3)
    assert total.not_compared == {"ct-voltage": 2}
    assert total.figures["nmae_range"].median == FIGURES["nmae_range"]
    assert record.left_out == [("ct-voltage", 2), ("misregistered", 1)]
    assert [len(history.rows) for history in record.histories] == [1]


def test_a_misregistered_study_says_how_far_apart_the_two_lay():
    (row,) = rows_of(agreement(is_registered=False, dice=0.81, shift_mm=(0.0, 12.0, -5.0)))
    assert row.reason == "misregistered"
    assert row.sentence.endswith("found outlines whose overlap (Dice) is 0.81, 13 mm apart")


def test_every_subgroup_has_its_figures_the_cameras_first():
    groups = [
        {"camera": CAMERA, "source": "projections", "matrix": "64 x 64"},
        {"camera": "Siemens Symbia", "source": "reconstruction", "matrix": "128 x 128"},
        {"camera": CAMERA, "source": "reconstruction"},
    ]
    found = [agreement(number, groups=having) for number, having in enumerate(groups)]
    other = agreement(9, model="uniform-body-1.0", groups=groups[0])
    record = assemble(rows_of(*found, other))
    assert [(g.model, g.name, g.value, g.counted) for g in record.groups] == [
        (MODEL, "", "", 3),
        (MODEL, "camera", CAMERA, 2),
        (MODEL, "camera", "Siemens Symbia", 1),
        (MODEL, "matrix", "not known", 1),
        (MODEL, "matrix", "64 x 64", 1),
        (MODEL, "matrix", "128 x 128", 1),
        (MODEL, "source", "projections", 1),
        (MODEL, "source", "reconstruction", 2),
        ("uniform-body-1.0", "", "", 1),
        ("uniform-body-1.0", "camera", CAMERA, 1),
    ]


def test_bland_altman_pairs_are_mean_and_difference_of_both_maps():
    """0.13 /cm synthetic, 0.001 /cm more than measured."""
    rows = rows_of(agreement(), agreement(1, figures={"nmae_range": 0.02}))
    (history,) = assemble(rows).histories
    assert history.pairs == [(pytest.approx((0.13 + 0.129) / 2), pytest.approx(0.001))]


def test_a_drift_is_a_sentence_with_dates_of_the_site():
    (drift,) = assemble(rows_of(*month())).drifts
    assert (drift.model, drift.camera) == (MODEL, CAMERA)
    changed_at = BEGIN + timedelta(hours=6 * 60)
    assert abs(drift.began_at - changed_at) <= timedelta(days=1)
    alarm = drift.alarm
    assert drift.sentence(VIENNA) == (
        f"{drift.rang_at.astimezone(VIENNA):%Y-%m-%d}: the maps of GE Infinia "
        f"(reference-tc99m-1.0) agree less: NMAE in the body {alarm.before:.4f} before, "
        f"{alarm.since:.4f} in the {alarm.studies} studies "
        f"since {drift.began_at.astimezone(VIENNA):%Y-%m-%d}"
    )


def test_a_shift_of_the_bias_says_where_and_in_which_unit():
    found = [
        replace(one, figures=one.figures | {"bias_body_per_cm": bias})
        for one, bias in zip(month(40, 40), [0.001, 0.002] * 15 + [-0.004] * 10, strict=True)
    ]
    (drift,) = assemble(rows_of(*found)).drifts
    assert "attenuate less in the body: bias +0.0015 /cm before, \N{MINUS SIGN}0.0040 /cm in" in (
        drift.sentence(VIENNA)
    )


def test_cameras_and_models_are_watched_apart():
    """Two cameras that take turns and differ much: neither of them changed."""
    found = [
        agreement(
            number,
            figures=FIGURES | {"nmae_body": 0.02 * 1.01 ** (number % 7) * (1 + 2 * (number % 2))},
            groups={"camera": ("GE Infinia", "Siemens Symbia")[number % 2]},
        )
        for number in range(60)
    ]
    record = assemble(rows_of(*found))
    assert [len(history.rows) for history in record.histories] == [30, 30]
    assert record.drifts == ()


def test_misregistered_studies_ring_no_alarm():
    apart = [replace(one, is_registered=False) for one in month(factor=3)[60:]]
    assert assemble(rows_of(*month(60), *apart)).drifts == ()


def test_since_leaves_out_what_was_before_but_not_from_the_charts():
    rows = rows_of(*month())
    (drift,) = assemble(rows).drifts
    later = assemble(rows, since=drift.began_at)
    assert later.drifts == (drift,)
    assert 0 < len(later.rows) < len(rows)
    assert {row.received_at >= drift.began_at for row in later.histories[0].rows} == {True}
    assert assemble(rows, since=drift.rang_at + timedelta(seconds=1)).drifts == ()
    assert assemble(rows, since=BEGIN + timedelta(days=99)).histories == ()


def parsed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_csv_has_a_row_for_every_comparison_with_all_figures():
    moved = agreement(0, shift_mm=(1.5, 0.0, -3.0))
    text = as_csv(rows_of(moved, agreement(1, is_registered=False), not_compared(2)))
    assert text.count("\r\n") == text.count("\n") == 4
    counts, apart, missing = parsed(text)
    assert set(METRICS) <= counts.keys()
    for name, value in FIGURES.items():
        assert float(counts[name]) == value
    assert counts["ssim"] == ""
    assert counts["received_at"] == BEGIN.astimezone(UTC).isoformat()
    assert (counts["job"], counts["route"], counts["model"]) == (f"{1:032x}", "all", MODEL)
    assert (counts["camera"], counts["source"], counts["kind"]) == (CAMERA, "reconstruction", "ct")
    shift = [counts[f"shift_{name}_mm"] for name in ("head", "back", "left")]
    assert shift == ["1.5", "0", "-3"]
    assert [row["counts"] for row in (counts, apart, missing)] == ["1", "0", "0"]
    assert [row["reason"] for row in (apart, missing)] == ["misregistered", "ct-voltage"]
    assert (missing["nmae_range"], missing["registration_dice"]) == ("", "")


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_spreadsheet_computes_nothing_from_the_csv(begin):
    """The name of a camera comes from a header, which anybody may have written."""
    camera = f'{begin}HYPERLINK("http://x","a,b")'
    (row,) = parsed(as_csv(rows_of(agreement(groups={"camera": camera}))))
    assert row["camera"] == f"'{camera}"
    assert not row["bias_body_per_cm"].startswith("'")


def test_the_csv_of_nothing_is_its_headings():
    assert parsed(as_csv([])) == []


@pytest.mark.parametrize("last", [31, 32, 33])
def test_a_drift_is_told_once_with_whichever_study_was_compared_last(last):
    """Each outlier adds at most 2.5 to the sum, which rings above 7: the third does."""
    calm, outliers = [0.040, 0.042, 0.041] * 10, [0.9, 0.9, 0.9]
    rows = rows_of(*(
        agreement(number, figures=FIGURES | {"nmae_body": nmae})
        for number, nmae in enumerate([*calm, *outliers])
    ))  # fmt: skip

    (drift,) = drifts_told_by(rows, f"{last:032x}")

    assert "agree less: NMAE" in drift.sentence(VIENNA)
    assert drifts_told_by(rows, f"{5:032x}") == []
