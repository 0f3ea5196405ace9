"""Making: one attempt at one map, from the stored instance to the stored map."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

import structlog
from pydicom import Dataset

from mumap_node.dicom.files import read_dataset, to_bytes
from mumap_node.dicom.provenance import Provenance
from mumap_node.dicom.template import PROFILE as TEMPLATE
from mumap_node.dicom.template import Template
from mumap_node.dicom.writing import in_file_name
from mumap_node.errors import ConfigurationError, InputRejected
from mumap_node.imaging.findings import Finding, Verdict
from mumap_node.imaging.volume import Voxels
from mumap_node.node.engine.attempts import Attempt
from mumap_node.node.engine.retries import another
from mumap_node.node.jobs.counting import count_result
from mumap_node.node.jobs.deliveries import log_if_finished
from mumap_node.node.jobs.dossier import next_delivery_attempt, read_dossier
from mumap_node.node.model import LoadedModel
from mumap_node.node.spool.files import Spool, create_record, locked, make_folder, write_durably
from mumap_node.node.spool.opened import OpenedModel, write_opened
from mumap_node.node.spool.records import Job, MapFile, Outcome, Result
from mumap_node.node.worker.replacing import replaced_uids
from mumap_node.pipeline import AttenuationMap, Request, make_attenuation_map

log = structlog.get_logger()

STANDARD = "standard"
"""Profile of the encoding that every map is kept in, to be compared and looked at."""

HELD = "held"
"""Folder of maps that failed their checks, within a job's folder."""


@dataclass(frozen=True, slots=True)
class MakingOptions:
    """Who makes the maps.

    Attributes:
        ae_title: Of this node.
        software_version: Of this node.
        timezone: Of the site: dates and times in the maps are local times there.
        templates: By their names among the profiles.
    """

    ae_title: str
    software_version: str
    timezone: tzinfo
    templates: Mapping[str, Template] = field(default_factory=dict)


class Making:
    """What an attempt at a map does."""

    def __init__(
        self,
        spool: Spool,
        options: MakingOptions,
        open_model: Callable[[str], LoadedModel],
        now: Callable[[], datetime],
    ) -> None:
        """Prepare.

        Args:
            spool: Where instances, maps and records are.
            options: Who makes the maps.
            open_model: Opens a model by identity; called once for each.
            now: The time, UTC.
        """
        self._spool = spool
        self._options = options
        self._open_model = open_model
        self._now = now
        self._models: dict[str, LoadedModel] = {}
        self._opened: tuple[OpenedModel, ...] = ()

    def model(self, identity: str) -> LoadedModel:
        """A model, opened when it is first asked for.

        Raises:
            ConfigurationError: It is missing, or not what its card says.
        """
        if identity not in self._models:
            found = self._models[identity] = self._open_model(identity)
            sha256 = found.model.card.sha256
            self._opened += (OpenedModel(identity, sha256, found.runtime, self._now()),)
            write_opened(self._spool.run, self._opened)
        return self._models[identity]

    def attempt(self, attempt: Attempt) -> Sequence[Attempt]:
        """Make a map and keep it; may be repeated after a crash.

        Returns:
            The deliveries of the map, or the next attempt where the disk did not cooperate.
        """
        try:
            return self._attempt(attempt)
        except OSError as error:
            following = another(attempt)
            log.error(
                "job.postponed",
                job_id=attempt.job_id,
                reason="spool-failed",
                wait_seconds=following.wait_seconds,
                exc_info=error,
            )
            return [following]

    def stopped(self, attempt: Attempt, reason: str, sentence: str) -> None:
        """Keep that an attempt ended by a bug or by repeated crashes."""
        result = self._result(Outcome.STOPPED, attempt.number, reason, sentence)
        if create_record(self._spool.result_file(attempt.job_id), result):
            count_result(self._spool, result)
        log_if_finished(self._spool, attempt.job_id)

    def _attempt(self, attempt: Attempt) -> Sequence[Attempt]:
        dossier = read_dossier(self._spool, attempt.job_id)
        if dossier is None or not dossier.is_wanted:
            return []
        if dossier.result is None:
            self._keep(attempt.job_id, self._answer(dossier.job, attempt.number))
            dossier = read_dossier(self._spool, attempt.job_id) or dossier
        now = self._now()
        return [next_delivery_attempt(attempt.job_id, d, now) for d in dossier.to_deliver]

    def _answer(self, job: Job, number: int) -> Result:
        log.info("job.started", job_id=job.job_id, attempt=number, model=job.model, route=job.route)
        try:
            return self._make(job, number)
        except InputRejected as error:
            return self._result(Outcome.REJECTED, number, error.reason, error.sentence)
        except ConfigurationError as error:
            return self._result(Outcome.STOPPED, number, error.reason, "; ".join(error.problems))

    def _make(self, job: Job, number: int) -> Result:
        stopwatch = _Stopwatch()
        with stopwatch("read"):
            dataset = read_instance(self._spool, job)
        loaded = self.model(job.model)
        if loaded.model.card.sha256 != job.model_sha256:
            problem = f"expected {job.model} as it was when the job began, found another network"
            raise ConfigurationError("model-changed", [problem])
        _require_templates(job, self._options.templates)
        with stopwatch("line"):
            made = make_attenuation_map(
                dataset,
                replace(loaded.model, predict=stopwatch.around("infer", loaded.model.predict)),
                replace(request_of(job), templates=self._options.templates),
                self._provenance(job, loaded.runtime),
            )
        with stopwatch("store"):
            files = self._store(job.job_id, made)
        failed = [finding for finding in made.findings if finding.verdict is Verdict.FAIL]
        outcome = Outcome.MADE if made.may_be_sent else Outcome.FAILED_CHECKS
        return replace(
            self._result(outcome, number, "implausible-map" if failed else "", _sentence(failed)),
            findings=made.findings,
            files=files,
            runtime=loaded.runtime,
            seconds=stopwatch.seconds,
        )

    def _provenance(self, job: Job, runtime: str) -> Provenance:
        return Provenance(
            ae_title=self._options.ae_title,
            software_version=self._options.software_version,
            runtime=runtime,
            made_at=self._now().astimezone(self._options.timezone),
            run=job.run,
            settings=settings_text(request_of(job)),
            replaces=replaced_uids(self._spool, job),
        )

    def _store(self, job_id: str, made: AttenuationMap) -> dict[str, tuple[MapFile, ...]]:
        """Store every object under a name of its content: nobody ever overwrites another's."""
        folder = self._spool.job_folder(job_id)
        place = "" if made.may_be_sent else f"{HELD}/"
        make_folder(folder / place)

        def keep(profile: str, dataset: Dataset) -> MapFile:
            encoded = to_bytes(dataset)
            sha256 = hashlib.sha256(encoded).hexdigest()
            name = f"{place}map-{in_file_name(profile)}-{sha256[:12]}.dcm"
            write_durably(folder / name, encoded)
            return MapFile(name, sha256, str(dataset.SOPInstanceUID))

        return {
            profile: tuple(keep(profile, dataset) for dataset in datasets)
            for profile, datasets in made.objects.items()
        }

    def _keep(self, job_id: str, result: Result) -> None:
        """Keep a result unless there is one, or nobody wants it any more."""
        with locked(self._spool.job_folder(job_id)):
            dossier = read_dossier(self._spool, job_id)
            if dossier is None or not dossier.is_wanted:
                return
            if create_record(self._spool.result_file(job_id), result):
                count_result(self._spool, result)
        log_if_finished(self._spool, job_id)

    def _result(self, outcome: Outcome, attempt: int, reason: str, sentence: str) -> Result:
        return Result(
            outcome=outcome,
            attempt=attempt,
            reason=reason,
            sentence=sentence,
            findings=(),
            files={},
            runtime="",
            software_version=self._options.software_version,
            seconds={},
            finished_at=self._now(),
        )


class _Stopwatch:
    """Seconds by step, all its times together."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            before = self.seconds.get(step, 0.0)
            self.seconds[step] = round(before + time.monotonic() - started, 4)

    def around(self, step: str, predict: Callable[[Voxels], Voxels]) -> Callable[[Voxels], Voxels]:
        def timed(voxels: Voxels) -> Voxels:
            with self(step):
                return predict(voxels)

        return timed


def _require_templates(job: Job, templates: Mapping[str, Template]) -> None:
    """A job's maps are encoded as was decided when it began, or not at all."""
    wanted = {name for name in job.profiles.values() if name.startswith(f"{TEMPLATE}-")}
    if gone := wanted - templates.keys():
        problem = f"expected {', '.join(sorted(gone))} as when the job began, found another"
        raise ConfigurationError("template-changed", [problem])


def read_instance(spool: Spool, job: Job) -> Dataset:
    """The instance a job answers.

    Raises:
        InputRejected: ``instance-missing``, or it cannot be read.
    """
    try:
        with spool.instance_file(job.instance_id).open("rb") as file:
            return read_dataset(file)
    except FileNotFoundError:
        raise InputRejected(
            "instance-missing", "expected the received instance in the spool, found none"
        ) from None


def settings_text(request: Request) -> str:
    """The route's settings in a canonical form; part of what the map's UIDs are derived from."""
    relaxed = ",".join(sorted(request.relax)) or "none"
    words = {True: "yes", False: "no"}
    return (
        f"assume-nac={words[request.assume_nac]} "
        f"assume-parallel-holes={words[request.assume_parallel_holes]} relax={relaxed}"
    )


def request_of(job: Job) -> Request:
    """What a job asks of the line; the standard encoding is kept whatever is sent."""
    profiles = tuple(dict.fromkeys((STANDARD, *job.profiles.values())))
    return Request(
        job.assume_nac, job.assume_parallel_holes, frozenset(job.relax), profiles, job.report
    )


def _sentence(failed: Sequence[Finding]) -> str:
    return "; ".join(map(str, failed))
