"""`map`: the line on files, without network, spool or engine."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from pydicom import Dataset

from mumap_node import __version__
from mumap_node.dicom.elements import text
from mumap_node.dicom.files import to_bytes
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.selection import is_own_map
from mumap_node.dicom.template import Template
from mumap_node.dicom.writing import in_file_name
from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.imaging.findings import Finding, Relaxable, Verdict
from mumap_node.node.model import DEFAULT_MODEL, LoadedModel
from mumap_node.node.routing import Route, first_match
from mumap_node.node.spool.files import write_durably
from mumap_node.node.worker.making import HELD, settings_text
from mumap_node.pipeline import AttenuationMap, Request, make_attenuation_map
from mumap_node.service import building, inputs
from mumap_node.service.models import Place, find_one, open_place
from mumap_node.settings.tables import Settings


class Outcome(StrEnum):
    """What came of an input."""

    MADE = "made"
    FAILED_CHECKS = "failed-checks"  #: the map lies under held/, for a person to see
    REJECTED = "rejected"  #: it cannot be answered
    IGNORED = "ignored"  #: a route says so, or it is a map of ours
    NOT_DICOM = "not-dicom"  #: another file in a folder that was named


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for on the command line.

    Attributes:
        model: Name, identity or folder; empty lets the routes decide.
        profile: Output profile; empty for those of the route's destinations.
        assume_nac: The person's word that silent input is uncorrected.
        assume_parallel_holes: The person's word that projections are of parallel holes.
        relax: Limits lowered from fail to warn.
        report: Whether maps of projections get a report.
        template: Of a station's own maps, in place of a profile.
    """

    model: str = ""
    profile: str = ""
    assume_nac: bool = False
    assume_parallel_holes: bool = False
    relax: frozenset[Relaxable] = frozenset()
    report: bool = False
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one input.

    Attributes:
        source: The file.
        outcome: What came of it.
        reason: Stable code of docs/operations.md; empty where a map was made.
        sentence: Expected and found; empty where a map was made.
        route: Name of the route that decided; empty where none did.
        model: Identity of the model; empty where none was run.
        files: What was written.
        findings: Every check of input and map.
    """

    source: Path
    outcome: Outcome
    reason: str = ""
    sentence: str = ""
    route: str = ""
    model: str = ""
    files: tuple[Path, ...] = ()
    findings: tuple[Finding, ...] = field(default=(), repr=False)


class Mapper:
    """Answers files, one after the other."""

    def __init__(self, settings: Settings, wish: Wish, output: Path) -> None:
        """Prepare; ``output`` is created when the first map is written."""
        self._settings, self._wish, self._output = settings, wish, output
        self._templates = building.templates(settings)
        self._routes = () if wish.model else building.routes(settings)
        self._models: dict[Place, LoadedModel] = {}
        self._names: set[str] = set()

    def answer(self, given: inputs.Input) -> Answer:
        """Read one file, make its map and write it.

        Raises:
            ConfigurationError: The model cannot be used, or the map cannot be written.
        """
        source, route = given.path, None
        try:
            dataset = inputs.read(source)
            if is_own_map(dataset):
                reason = "own-map"
                return Answer(source, Outcome.IGNORED, reason, "it is a map of this software")
            route = first_match(self._routes, dataset, _calling_ae_title(dataset)).route
            if route is not None and route.action != "map":
                sentence = f"route {route.name!r} says {route.action}"
                reason = "route-ignores"
                return Answer(source, Outcome.IGNORED, reason, sentence, route.name)
            return self._make(source, dataset, route)
        except InputRejected as error:
            name = route.name if route else ""
            is_other = error.reason == "unreadable" and not (
                given.is_named or inputs.may_be_dicom(source)
            )
            outcome = Outcome.NOT_DICOM if is_other else Outcome.REJECTED
            return Answer(source, outcome, error.reason, error.sentence, name)

    def _make(self, source: Path, dataset: Dataset, route: Route | None) -> Answer:
        loaded = self._model(self._wish.model or (route.model if route else ""))
        wished = (self._wish.template,) if self._wish.template else self._templates.values()
        request = _request(self._wish, route, self._profiles(route), building.by_profile(wished))
        made = make_attenuation_map(
            dataset, loaded.model, request, self._provenance(request, loaded.runtime)
        )
        failed = [str(found) for found in made.findings if found.verdict is Verdict.FAIL]
        return Answer(
            source,
            Outcome.MADE if made.may_be_sent else Outcome.FAILED_CHECKS,
            reason="implausible-map" if failed else "",
            sentence="; ".join(failed),
            route=route.name if route else "",
            model=loaded.model.card.identity,
            files=tuple(self._write(source, made)),
            findings=made.findings,
        )

    def _model(self, name: str) -> LoadedModel:
        place = find_one(name or DEFAULT_MODEL, self._settings.node.models_dir)
        if place not in self._models:
            self._models[place] = open_place(place, self._settings)
        return self._models[place]

    def _profiles(self, route: Route | None) -> tuple[str, ...]:
        if self._wish.template:
            return (self._wish.template.name,)
        if self._wish.profile:
            return (self._wish.profile,)
        known = building.destinations(self._settings, self._templates)
        names = route.destinations if route else ()
        profiles = dict.fromkeys(known[name].profile for name in names if name in known)
        return tuple(profiles) or ("standard",)

    def _provenance(self, request: Request, runtime: str) -> Provenance:
        node = self._settings.node
        return Provenance(
            ae_title=node.ae_title,
            software_version=__version__,
            runtime=runtime,
            made_at=datetime.now(UTC).astimezone(ZoneInfo(node.timezone)),
            run=1,
            settings=settings_text(request),
        )

    def _write(self, source: Path, made: AttenuationMap) -> Iterator[Path]:
        folder = self._output if made.may_be_sent else self._output / HELD
        for name, dataset in self._named(source, made):
            path = folder / name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                write_durably(path, to_bytes(dataset))
            except OSError as error:
                problem = f"expected to write {path}, found: {error.strerror}"
                raise ConfigurationError("output-not-writable", [problem]) from None
            yield path

    def _named(self, source: Path, made: AttenuationMap) -> Iterator[tuple[str, Dataset]]:
        """Names told by the source's; the same command gives the same names."""
        stem, number = source.stem, 1
        while stem in self._names:  # sources of one name in several folders
            number += 1
            stem = f"{source.stem}-{number}"
        self._names.add(stem)
        for profile, datasets in made.objects.items():
            suffix = ".mumap" if profile == "standard" else f".mumap-{in_file_name(profile)}"
            for place, dataset in enumerate(datasets, start=1):
                part = f"-{place:03}" if len(datasets) > 1 else ""
                yield f"{stem}{suffix}{part}.dcm", dataset


def _calling_ae_title(dataset: Dataset) -> str:
    """Who sent a file that a node received; empty for others."""
    return text(dataset.file_meta, "SourceApplicationEntityTitle")


def _request(
    wish: Wish,
    route: Route | None,
    profiles: tuple[str, ...],
    templates: Mapping[str, Template],
) -> Request:
    """The route's word and the person's; with a model named, there is no route here."""
    return Request(
        assume_nac=wish.assume_nac or (route is not None and route.assume_nac),
        assume_parallel_holes=wish.assume_parallel_holes
        or (route is not None and route.assume_parallel_holes),
        relax=wish.relax | (route.relax if route else frozenset()),
        profiles=profiles,
        report=wish.report or (route is not None and route.report),
        templates=templates,
    )
