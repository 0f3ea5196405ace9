"""The audit trail of a node, as its processes and whoever checks it need it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from mumap_node.dicom.audit import AuditMessage
from mumap_node.errors import ConfigurationError
from mumap_node.node.audit.events import died, started, stopped
from mumap_node.node.audit.forwarding import ForwardingOptions
from mumap_node.node.audit.syslog import SyslogServer
from mumap_node.node.audit.trail import Audit, Trail, unaudited
from mumap_node.node.tls.files import TlsFiles, TlsTarget
from mumap_node.settings.tables import Settings

log = structlog.get_logger()


def audit_of(settings: Settings) -> Audit:
    """What adds to the trail; nothing where the settings want none."""
    return trail_of(settings).add if settings.audit else unaudited


def trail_of(settings: Settings) -> Trail:
    """The trail below the data directory."""
    return Trail(settings.node.data_dir / "audit", settings.node.ae_title, _now)


def server_of(settings: Settings) -> SyslogServer | None:
    """The syslog server; None where there is none."""
    audit, tls = settings.audit, settings.tls
    if audit is None or audit.host is None or tls is None:
        return None
    files = TlsFiles(tls.certificate, tls.key, audit.authorities or tls.authorities)
    return SyslogServer(audit.host, audit.port, TlsTarget(files, audit.tls_name or audit.host))


def forwarding(settings: Settings, run: Path) -> ForwardingOptions | None:
    """What becomes of the trail; None where the settings want none.

    Args:
        settings: Of the node.
        run: Folder of locks (`Spool.run`).
    """
    if settings.audit is None:
        return None
    return ForwardingOptions(trail_of(settings), run, settings.audit.days, server_of(settings))


@contextmanager
def activity(settings: Settings, component: str) -> Iterator[None]:
    """Tell the trail that a process runs, and when it stopped.

    Args:
        settings: Of the node.
        component: Name of the process.

    Raises:
        ConfigurationError: This user may not write the trail.
    """
    audit, ae_title = audit_of(settings), settings.node.ae_title
    try:
        audit(started(component, ae_title, _now()))
    except PermissionError as error:
        folder = trail_of(settings).folder
        problem = f"audit: expected to write below {folder}, found: {error.strerror}"
        raise ConfigurationError("data-dir-not-writable", [problem]) from None
    except OSError as error:
        _log_failure(error)
    try:
        yield
    finally:
        _try(audit, stopped(component, ae_title, _now()))


def tell_death(settings: Settings, component: str, how: str) -> None:
    """Tell the trail that a process ended unasked."""
    _try(audit_of(settings), died(component, settings.node.ae_title, _now(), how))


def _try(audit: Audit, message: AuditMessage) -> None:
    """Tell what can neither be undone nor put off."""
    try:
        audit(message)
    except OSError as error:
        _log_failure(error)


def _log_failure(error: OSError) -> None:
    """A full disk stops no process."""
    log.error("audit.failed", reason="spool-failed", exc_info=error)


def _now() -> datetime:
    return datetime.now(UTC)
