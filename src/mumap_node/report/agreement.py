"""The agreement record as one HTML page that needs nothing beside it, to read and hand on."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

BANNER = "RESEARCH - SYNTHETIC"


@dataclass(frozen=True, slots=True)
class Card:
    """A headline figure.

    Attributes:
        title: What it is.
        value: Shown large.
        unit: Of the value; empty where it has none.
        note: Shown small below, such as a range.
        meaning: Its definition.
    """

    title: str
    value: str
    unit: str
    note: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Camera:
    """The charts of one model on one camera.

    Attributes:
        title: The camera.
        note: The model, and how much there is.
        charts: Title, chart and its explanation.
    """

    title: str
    note: str
    charts: Sequence[tuple[str, Markup, str]]


@dataclass(frozen=True, slots=True)
class Column:
    """Of the table of groups: heading, unit and what the figure means."""

    title: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Cell:
    """Median and 95 % range of a figure."""

    median: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Line:
    """Of the table of groups.

    Attributes:
        name: Of the subgroup; empty for everything of a model.
        value: Of the subgroup, or the model.
        counts: Comparisons that count, misregistered ones, and those that were not made.
        cells: By column; None where nobody could measure the figure.
    """

    name: str
    value: str
    counts: tuple[int, int, int]
    cells: Sequence[Cell | None]


@dataclass(frozen=True, slots=True)
class Missing:
    """A comparison that does not count, and why."""

    day: str
    camera: str
    job: str
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Page:
    """What the page tells. Nothing in it is of a patient.

    Attributes:
        node: AE title of the node.
        period: First and last day with a comparison; empty without any.
        made_on: Day the page was made.
        software_version: Of the node.
        home: Address of the node's own page; empty in a file.
        alarms: Sentences of all cameras, the latest first.
        cards: Headline figures.
        cameras: Charts.
        columns: Of the table of groups.
        lines: Of the table of groups.
        missing: The latest that do not count.
        reasons: How many do not count, by reason; the most frequent first.
        definitions: Title and meaning of the figures shown.
    """

    node: str
    period: str
    made_on: str
    software_version: str
    home: str
    alarms: Sequence[str]
    cards: Sequence[Card]
    cameras: Sequence[Camera]
    columns: Sequence[Column]
    lines: Sequence[Line]
    missing: Sequence[Missing]
    reasons: Sequence[tuple[str, int]]
    definitions: Sequence[tuple[str, str]]


def style() -> str:
    """The sheet of the page, which stands in it; for a server that must allow it by its hash."""
    sheet = files("mumap_node.report").joinpath("templates/agreement.css")
    return sheet.read_text(encoding="utf-8")


def render_agreement(page: Page) -> str:
    """The page as HTML, with its style and charts in it; no scripts."""
    environment = Environment(
        loader=PackageLoader("mumap_node.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sheet = Markup(style())  # noqa: S704  (our own)
    template = environment.get_template("agreement.html")
    return template.render(page=page, banner=BANNER, style=sheet)
