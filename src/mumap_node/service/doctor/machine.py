"""What `check` asks of the machine: its clocks, room on the disk, memory and GPU."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import onnxruntime
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from mumap_node.node.engine.database import open_database
from mumap_node.node.model import CUDA
from mumap_node.service import building
from mumap_node.service.doctor.checked import Area, Checked, Verdict
from mumap_node.settings.tables import Settings

BYTES_PER_GB = 10**9

CLOCK_TOLERANCE = timedelta(seconds=30)
"""Clocks that are kept right differ by less than a second; a map's times are told to seconds."""

GROWTH_DAYS = 7
"""Days of reception the growth of the spool is taken from."""

LEAST_MEMORY_GB = 1.0
"""The worker takes 0.7 GB for a map with its report (docs/performance.md)."""

CUDA_13_DRIVER = 580
"""First major version of NVIDIA's Linux driver that runs CUDA 13, for which the wheels are made."""


def look(settings: Settings, root: Path = Path("/")) -> Iterator[Checked]:
    """Look at everything.

    Args:
        settings: Valid ones.
        root: Of the file system that tells of memory and drivers.
    """
    now = datetime.now(UTC)
    yield _clock(settings, now)
    yield _time_zone(settings, now)
    yield from _growth(settings, now)
    yield from _memory(root)
    yield _gpu(settings, root)


def _clock(settings: Settings, now: datetime) -> Checked:
    """There is no clock of another machine to ask but the database's; so time may not run back."""
    newest = max(_modified(settings.node.data_dir, ("inbox", "instances", "jobs")), default=now)
    if newest - now > CLOCK_TOLERANCE:
        sentence = f"expected no file newer than now, {_shown(now)}, found one of {_shown(newest)}"
        return Checked(Area.NODE, "clock", Verdict.WARNING, sentence, reason="clock-skew")
    theirs = _database_time(settings)
    if theirs is None:
        sentence = f"{_shown(now)}; not before the newest file, no other clock to compare with"
        return Checked(Area.NODE, "clock", Verdict.OK, sentence)
    skew = theirs - datetime.now(UTC)
    if abs(skew) > CLOCK_TOLERANCE:
        sentence = f"expected PostgreSQL's clock to agree, found it {skew.total_seconds():+.0f} s"
        return Checked(Area.NODE, "clock", Verdict.WARNING, sentence, reason="clock-skew")
    sentence = f"{_shown(now)}; PostgreSQL's agrees"
    return Checked(Area.NODE, "clock", Verdict.OK, sentence)


def _modified(data_dir: Path, folders: tuple[str, ...]) -> Iterator[datetime]:
    for name in folders:
        if (folder := data_dir / name).is_dir():
            yield datetime.fromtimestamp(folder.stat().st_mtime, UTC)


def _database_time(settings: Settings) -> datetime | None:
    """The time of the PostgreSQL server; None without one, or where it does not answer."""
    options = building.engine_options(settings, settings.node.data_dir)
    if options.sqlite_file is not None:
        return None
    database = open_database(options, pool_size=1)
    try:
        with database.connect() as connection:
            found: datetime = connection.execute(sa.text("select clock_timestamp()")).scalar_one()
            return found
    except SQLAlchemyError:  # told as engine-unavailable
        return None
    finally:
        database.dispose()


def _time_zone(settings: Settings, now: datetime) -> Checked:
    """The zone of the maps, against the machine's, unless that keeps UTC as containers do."""
    zone = settings.node.timezone
    ours, machines = now.astimezone(ZoneInfo(zone)), now.astimezone()
    sentence = f"{zone}: times in maps are of offset {ours:%z} now"
    if machines.utcoffset() not in (ours.utcoffset(), timedelta(0)):
        sentence = f"expected the machine's offset, {machines:%z}, found {sentence}"
        return Checked(Area.NODE, "time zone", Verdict.WARNING, sentence, reason="zone-differs")
    return Checked(Area.NODE, "time zone", Verdict.OK, sentence)


def _growth(settings: Settings, now: datetime) -> Iterator[Checked]:
    """Whether what comes in fits for as long as it is kept."""
    data_dir, days = settings.node.data_dir, settings.retention.spool_days
    since = (now - timedelta(days=GROWTH_DAYS)).timestamp()
    kept = recent = 0
    for name in ("instances", "jobs", "measured"):
        for path in (data_dir / name).rglob("*"):
            try:
                status = path.lstat()
            except OSError:  # such as one that retention removed
                continue
            kept += status.st_size
            recent += status.st_size * (status.st_mtime >= since)
    if not recent:
        return
    a_day = recent / GROWTH_DAYS
    free = shutil.disk_usage(data_dir).free - settings.receiver.min_free_gb * BYTES_PER_GB
    rate = f"{a_day / 10**6:.3g} MB a day of the last {GROWTH_DAYS}"
    if a_day * days - kept > free:
        sentence = (
            f"expected room for {days} days (retention.spool_days), "
            f"found it for {max((kept + free) / a_day, 0):.0f} at {rate}"
        )
        yield Checked(Area.NODE, "growth", Verdict.WARNING, sentence, reason="disk-too-small")
    else:
        sentence = f"room for the {days} days images are kept, at {rate}"
        yield Checked(Area.NODE, "growth", Verdict.OK, sentence)


def _memory(root: Path) -> Iterator[Checked]:
    """What is free, or what this container may have where that is less."""
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return
    (available,) = (int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)
    try:
        limit = int((root / "sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or "max"
        limit = available
    free_gb = min(available, limit) / BYTES_PER_GB
    if free_gb < LEAST_MEMORY_GB:
        sentence = f"expected {LEAST_MEMORY_GB:g} GB for a map, found {free_gb:.1f} GB available"
        yield Checked(Area.NODE, "memory", Verdict.WARNING, sentence, reason="memory-low")
    else:
        yield Checked(Area.NODE, "memory", Verdict.OK, f"{free_gb:.1f} GB available")


def _gpu(settings: Settings, root: Path) -> Checked:
    """Whether a GPU that is there can be used; whether one was demanded, the models tell."""
    has_cuda = CUDA in onnxruntime.get_available_providers()
    driver = nvidia_driver(root)
    found = f"NVIDIA driver {driver}" if driver else "no NVIDIA driver"
    runtime = "onnxruntime with CUDA" if has_cuda else "onnxruntime without CUDA"
    if settings.inference.device == "cpu":
        return Checked(Area.NODE, "gpu", Verdict.OK, "not asked for")
    if driver and not has_cuda:
        sentence = f"{found}: expected onnxruntime with CUDA (variant gpu), found it without"
    elif driver and int(driver.partition(".")[0]) < CUDA_13_DRIVER:
        sentence = f"expected an NVIDIA driver from {CUDA_13_DRIVER} for CUDA 13, found {driver}"
    else:
        return Checked(Area.NODE, "gpu", Verdict.OK, f"{found}, {runtime}")
    return Checked(Area.NODE, "gpu", Verdict.WARNING, sentence, reason="gpu-unused")


def nvidia_driver(root: Path) -> str:
    """Version of the NVIDIA kernel driver, such as "580.65.06"; empty without one.

    Args:
        root: Holds ``proc/driver/nvidia/version``.
    """
    try:
        text = (root / "proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return ""
    words = text.partition("\n")[0].split()
    return next((word for word in words if word[:1].isdigit() and "." in word), "")


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
