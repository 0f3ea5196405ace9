"""The page of the agreement record, opened as text."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agreements import BEGIN, CAMERA, FIGURES, agreement, month, not_compared, rows_of
from mumap_node.imaging.definitions import METRICS
from mumap_node.node.jobs.agreement_page import RECENT, page_of, recent
from mumap_node.node.jobs.agreement_record import AgreementRecord, assemble
from mumap_node.node.spool.records import Agreement
from mumap_node.report.agreement import render_agreement

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def html_of(record: AgreementRecord, home: str = "") -> str:
    page = page_of(record, VIENNA, NOW, node="MUMAP", software_version="1.2.3", home=home)
    return render_agreement(page)


def html(*found: Agreement, home: str = "") -> str:
    return html_of(assemble(rows_of(*found)), home)


def charts(text: str) -> list[ET.Element]:
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]  # noqa: S314


def of_kind(chart: ET.Element, kind: str) -> list[ET.Element]:
    return [element for element in chart.iter() if element.get("class") == kind]


def test_an_empty_record_says_how_to_begin():
    text = html()
    assert "Nothing was compared yet" in text
    assert "<svg" not in text


def test_every_figure_is_shown_with_its_definition():
    text = html(agreement(0), agreement(1))
    for name in FIGURES.keys() - {"lac_body_per_cm"}:
        metric = METRICS[name]
        assert f"<b>{metric.shown(FIGURES[name])}</b>" in text
        assert f"<dt>{metric.heading}</dt>" in text
    assert METRICS["segment_ape_percent"].title not in text  # nobody measured it


def test_figures_of_the_heart_are_shown_where_there_are_some():
    figures = FIGURES | {"segment_mean_normalised_percent": 2.34}
    text = html(agreement(0, figures=figures), agreement(1))
    assert ">2.3<" in text
    assert "2.3 to 2.3; n 1" in text


def test_the_page_says_what_it_is_and_needs_nothing_beside_it():
    text = html(*month(20))
    assert "RESEARCH - SYNTHETIC" in text
    assert "No patient data is shown here" in text
    assert "<script" not in text
    assert not re.search(r'(src|href|action)="(https?:)?//', text)
    assert re.findall(r'href="([^"]*)"', text) == ["data:,"]


def test_a_camera_has_three_charts_with_a_dot_a_study():
    drawn = charts(html(*month(20)))
    assert [len(of_kind(chart, "dot")) for chart in drawn] == [20, 20, 20]
    assert [len(of_kind(chart, "course")) for chart in drawn] == [1, 1, 0]
    assert len(of_kind(drawn[2], "limit")) == 2


def test_an_alarm_is_told_on_top_and_marked_in_its_chart():
    record = assemble(rows_of(*month()))
    text = html_of(record)
    assert f"<b>Drift</b> {record.drifts[0].sentence(VIENNA)}." in text
    assert [len(of_kind(chart, "rang")) for chart in charts(text)] == [1, 0, 0]
    assert "No drift alarm" not in text
    assert "No drift alarm" in html(*month(20))


def test_what_does_not_count_is_listed_with_its_reason():
    apart = agreement(1, is_registered=False, dice=None, shift_mm=(0.0, 0.0, 21.0))
    text = html(agreement(0), apart, not_compared(2))
    assert "overlap (Dice) is unknown, 21 mm apart" in text
    assert "expected 80 to 140 kV, found none" in text
    assert "ct-voltage 1" in text
    assert "2 left out" in text


def test_a_record_in_which_nothing_counts_is_shown_too():
    text = html(not_compared(0))
    assert "No comparison counts yet" in text
    assert "<svg" not in text


def test_only_the_latest_that_do_not_count_are_named():
    text = html(*(not_compared(number) for number in range(30)))
    assert text.count("<td>ct-voltage</td>") == 20
    assert "ct-voltage 30" in text
    newest, oldest = BEGIN + timedelta(hours=6 * 29), BEGIN
    assert f"<td>{newest:%Y-%m-%d}</td>" in text
    assert f"<td>{oldest:%Y-%m-%d}</td>" not in text


def test_words_of_a_header_cannot_become_markup():
    text = html(*(replace(one, groups={"camera": "<b>&\"'"}) for one in month(6)))
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text
    assert len(charts(text)) == 3


def test_on_the_page_of_the_node_reasons_lead_to_the_handbook():
    text = html(not_compared(0), home="./")
    assert '<a href="./">MUMAP</a>' in text
    assert '<a href="./operations#ct-voltage">ct-voltage</a>' in text


def test_days_are_those_of_the_site():
    """23:30 in UTC is the next day in Vienna."""
    late = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
    assert "patients, 2026-04-01." in html(agreement(0, received_at=late)).replace("\n", " ")


@pytest.mark.parametrize("studies", [1, 4])
def test_few_studies_have_no_limits_or_course(studies):
    drawn = charts(html(*month(studies)))
    assert len(drawn) == 3
    assert len(of_kind(drawn[2], "limit")) == (0 if studies == 1 else 2)
    assert of_kind(drawn[0], "course")[0].get("points") == ""


def test_comparisons_without_the_lacs_have_no_bland_altman_chart():
    figures = {"nmae_body": 0.04}
    text = html(agreement(0, figures=figures), agreement(1, figures=figures))
    assert len(charts(text)) == 1
    assert f"<h3>{CAMERA} <small>" in text


def test_alarms_are_recent_for_thirty_days():
    (drift,) = assemble(rows_of(*month())).drifts
    assert recent([drift], drift.rang_at + RECENT) == [drift]
    assert recent([drift], drift.rang_at + RECENT + timedelta(seconds=1)) == []
