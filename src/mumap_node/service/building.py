"""From the settings to the plain values the processes are built of."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from mumap_node.dicom.template import Template
from mumap_node.errors import ConfigurationError
from mumap_node.node.backup.contents import STAGING
from mumap_node.node.dicomweb.destination import AnyDestination, WebDestination
from mumap_node.node.routing import Destination, Peer, Route
from mumap_node.node.spool.files import Spool
from mumap_node.node.tls.files import TlsFiles, TlsTarget
from mumap_node.settings import tables
from mumap_node.settings.tables import Settings
from mumap_node.settings.templates import read_template

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
"""CT Image Storage. Source: PS3.4 B.5."""

if TYPE_CHECKING:  # the receiver must stay small: no SQLAlchemy there
    from mumap_node.node.engine.database import EngineOptions


def peers(settings: Settings) -> tuple[Peer, ...]:
    """Who may open associations."""
    return tuple(
        Peer(peer.name, peer.ae_title, peer.hosts, peer.reply_to, peer.certificate or "")
        for peer in settings.peers
    )


def destinations(
    settings: Settings, templates: Mapping[str, Template] = MappingProxyType({})
) -> dict[str, AnyDestination]:
    """Where maps may go, by name.

    Args:
        settings: Valid ones.
        templates: As ``templates`` gives them to who makes maps: their names are profiles then.
    """
    files = tls_files(settings)
    return {
        table.name: _destination(
            table,
            templates[table.name].name if table.name in templates else table.profile,
            files,
        )
        for table in settings.destinations
    }


def _destination(table: tables.Destination, profile: str, files: TlsFiles | None) -> AnyDestination:
    if table.url is not None:
        return WebDestination(
            name=table.name,
            url=table.url,
            profile=profile,
            authorities=table.authorities,
            client=files if table.client_certificate else None,
            token_file=table.token_file,
            user=table.user or "",
            password_file=table.password_file,
            rejection_notes=table.rejection_notes,
        )
    assert table.ae_title and table.host and table.port  # noqa: S101, PT018  (as was checked)
    return Destination(
        name=table.name,
        ae_title=table.ae_title,
        host=table.host,
        port=table.port,
        profile=profile,
        commitment=table.commitment,
        rejection_notes=table.rejection_notes,
        tls=TlsTarget(files, table.tls_name or table.host) if table.tls and files else None,
    )


def tls_files(settings: Settings) -> TlsFiles | None:
    """The node's certificate; None where it has none, and nothing in the settings needs one."""
    tls = settings.tls
    return TlsFiles(tls.certificate, tls.key, tls.authorities) if tls else None


def templates(settings: Settings) -> dict[str, Template]:
    """Templates by the destinations that name one.

    Raises:
        ConfigurationError: ``template-not-readable`` or ``template-invalid``.
    """
    return {
        table.name: read_template(table.template)
        for table in settings.destinations
        if table.template is not None
    }


def by_profile(templates: Iterable[Template]) -> dict[str, Template]:
    """Templates by their names among the profiles."""
    return {template.name: template for template in templates}


def routes(settings: Settings) -> tuple[Route, ...]:
    """What to do with received images, in order."""
    return tuple(
        Route(
            name=table.name,
            match=table.match,
            action=table.action,
            assume_nac=table.assume_nac,
            assume_parallel_holes=table.assume_parallel_holes,
            relax=frozenset(table.relax),
            model=table.model,
            destinations=table.destinations,
            report=table.report,
            deliver=table.deliver,
        )
        for table in settings.routes
    )


def storage_classes(settings: Settings) -> tuple[str, ...]:
    """UIDs of the SOP classes the receiver accepts: CT images too, where a route compares."""
    compares = any(table.action == "compare" for table in settings.routes)
    return tuple(
        dict.fromkeys((*settings.receiver.storage_classes, *((CT_IMAGE_STORAGE,) * compares)))
    )


def engine_options(settings: Settings, lock_folder: Path) -> "EngineOptions":
    """Where the engine keeps its records, and its locks beside SQLite (`Spool.run`)."""
    from mumap_node.node.engine.database import EngineOptions, embedded_database

    url = settings.engine.database_url.get_secret_value()
    return EngineOptions(url or embedded_database(settings.node.data_dir), lock_folder)


def inference_threads(settings: Settings) -> int:
    """CPU threads of the network; where none are set, one core stays with the receiver."""
    return settings.inference.threads or max(len(os.sched_getaffinity(0)) - 1, 1)


def open_spool(settings: Settings) -> Spool:
    """The data directory, created where it does not exist.

    Raises:
        ConfigurationError: It cannot be written, or a restore of it was interrupted.
    """
    folder = settings.node.data_dir
    require_restored(folder)
    try:
        spool = Spool(folder)
        probe = spool.run / f"start-{os.getpid()}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        problem = f"node.data_dir: expected to write below {folder}, found: {error.strerror}"
        raise ConfigurationError("data-dir-not-writable", [problem]) from None
    return spool


def require_restored(folder: Path) -> None:
    """See that no restore of a data directory was interrupted.

    Raises:
        ConfigurationError: ``restore-unfinished``.
    """
    if (folder / STAGING).exists():
        problem = f"expected a data directory restored to its end, found {folder / STAGING}"
        raise ConfigurationError("restore-unfinished", [problem])
