"""What `check` looks at: settings, models, data directory, engine, machine and network."""

import os
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from mumap_node.errors import ConfigurationError, place_of
from mumap_node.node.engine.database import NETWORK_FILESYSTEMS, filesystem_of, open_database
from mumap_node.node.model import DEFAULT_MODEL
from mumap_node.node.tls.certificates import WARNING_TIME, date_troubles
from mumap_node.node.tls.contexts import server_context
from mumap_node.service import building
from mumap_node.service.doctor import directory, machine, network
from mumap_node.service.doctor.checked import Area, Checked, Verdict
from mumap_node.service.models import verify_models
from mumap_node.settings.tables import Settings

BYTES_PER_GB = 10**9


def check_node(settings: Settings) -> Iterator[Checked]:
    """Look at everything, one after the other; what takes longest comes last.

    Args:
        settings: Valid ones.
    """
    yield Checked(Area.NODE, "settings", Verdict.OK, _counted(settings))
    yield from _nobody(settings)
    yield from _models(settings)
    yield from _data_directory(settings)
    yield from _certificates(settings)
    yield from machine.look(settings)
    yield from network.look(settings)


def exit_code_of(checks: Iterable[Checked]) -> int:
    """2 where the node is wrong, 4 where only a peer is, else 0."""
    wrong = {checked.area for checked in checks if checked.verdict is Verdict.WRONG}
    return 2 if Area.NODE in wrong else 4 if Area.PEER in wrong else 0


def _counted(settings: Settings) -> str:
    return (
        f"peers: {len(settings.peers)}, destinations: {len(settings.destinations)}, "
        f"routes: {len(settings.routes)}"
    )


def _nobody(settings: Settings) -> Iterator[Checked]:
    if not settings.peers:
        sentence = "expected a peer, found none: nobody may send"
        yield Checked(Area.NODE, "peers", Verdict.WARNING, sentence, reason="no-peers")
    if not settings.routes:
        sentence = "expected a route, found none: everything will be held"
        yield Checked(Area.NODE, "routes", Verdict.WARNING, sentence, reason="no-routes")


def _models(settings: Settings) -> Iterator[Checked]:
    wanted = [route.model or DEFAULT_MODEL for route in settings.routes if route.action == "map"]
    for name, found in verify_models(settings, list(dict.fromkeys(wanted)) or [DEFAULT_MODEL]):
        if isinstance(found, ConfigurationError):
            sentence = "; ".join(found.problems)
            yield Checked(Area.NODE, f"model {name}", Verdict.WRONG, sentence, reason=found.reason)
        else:
            sentence = f"checksum and golden answer right; {found}"
            yield Checked(Area.NODE, f"model {name}", Verdict.OK, sentence)


def _data_directory(settings: Settings) -> Iterator[Checked]:
    """Look without leaving anything behind: who checks may be another user than who runs."""
    folder = settings.node.data_dir
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    probe = existing / f"check-{os.getpid()}.probe"
    try:
        probe.touch()
        probe.unlink()
        free_gb = shutil.disk_usage(existing).free / BYTES_PER_GB
    except OSError as error:
        sentence = f"expected to write below {existing}, found: {error.strerror}"
        yield Checked(
            Area.NODE, "data directory", Verdict.WRONG, sentence, reason="data-dir-not-writable"
        )
        return
    note = "" if existing == folder else "; it is made at the first start"
    yield Checked(Area.NODE, "data directory", Verdict.OK, f"{folder} can be written{note}")
    yield from directory.look(folder)
    yield _file_system(settings, existing)
    yield _free_space(free_gb, settings.receiver.min_free_gb)
    yield _engine(settings)


def _certificates(settings: Settings) -> Iterator[Checked]:
    files = building.tls_files(settings)
    if files is None:
        return
    try:
        server_context(files)
    except ConfigurationError as error:
        sentence = "; ".join(error.problems)
        yield Checked(Area.NODE, "certificates", Verdict.WRONG, sentence, reason=error.reason)
        return
    troubles = list(date_troubles(files, datetime.now(UTC)))
    for trouble in troubles:
        verdict = Verdict.WRONG if trouble.stops else Verdict.WARNING
        yield Checked(Area.NODE, "certificates", verdict, trouble.sentence, trouble.reason)
    if not troubles:
        sentence = f"valid for {WARNING_TIME.days} more days"
        yield Checked(Area.NODE, "certificates", Verdict.OK, sentence)


def _file_system(settings: Settings, folder: Path) -> Checked:
    kind = filesystem_of(folder)
    is_remote = kind.startswith(NETWORK_FILESYSTEMS)
    if not is_remote:
        return Checked(Area.NODE, "file system", Verdict.OK, kind or "unknown")
    if settings.engine.database_url.get_secret_value():
        sentence = f"expected a local disk, found {kind}: the spool must be as durable as one"
        return Checked(
            Area.NODE, "file system", Verdict.WARNING, sentence, reason="spool-on-network-disk"
        )
    sentence = f"expected the SQLite database on a local disk, found {kind}"
    return Checked(
        Area.NODE, "file system", Verdict.WRONG, sentence, reason="database-on-network-disk"
    )


def _free_space(free_gb: float, min_free_gb: float) -> Checked:
    sentence = f"{free_gb:.1f} GB free"
    if free_gb < min_free_gb:
        sentence = f"expected at least {min_free_gb:g} GB, found {sentence}"
        return Checked(Area.NODE, "free space", Verdict.WRONG, sentence, reason="disk-low")
    return Checked(Area.NODE, "free space", Verdict.OK, sentence)


def _engine(settings: Settings) -> Checked:
    options = building.engine_options(settings, settings.node.data_dir)
    if options.sqlite_file is not None and not options.sqlite_file.exists():
        sentence = "SQLite; its database is made when the worker first starts"
        return Checked(Area.NODE, "engine", Verdict.OK, sentence)
    kind = "PostgreSQL" if options.sqlite_file is None else "SQLite"
    database = open_database(options, pool_size=1)
    try:
        database.connect().close()
    except SQLAlchemyError as error:
        # Its text may hold the address with the password.
        sentence = f"expected to reach {kind}, found {place_of(error)}"
        return Checked(Area.NODE, "engine", Verdict.WRONG, sentence, reason="engine-unavailable")
    finally:
        database.dispose()
    return Checked(Area.NODE, "engine", Verdict.OK, f"{kind} answers")
