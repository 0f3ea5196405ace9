"""How a backup of a node is made and restored: what of its settings goes into it."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from mumap_node import __version__
from mumap_node.errors import ConfigurationError
from mumap_node.node.backup.contents import FORMAT, Header, Manifest
from mumap_node.node.backup.restoring import restore_backup
from mumap_node.node.backup.writing import write_backup
from mumap_node.node.model import ModelStore
from mumap_node.node.spool.files import UnfinishedFile
from mumap_node.service import building
from mumap_node.settings.tables import Settings

STANDARD_STREAM = "-"
"""Stands for standard input or output in the place of a file."""


def back_up(settings: Settings, config: Path, file: str) -> Manifest:
    """Write a backup of a node, whether or not it runs.

    Args:
        settings: Valid ones.
        config: Their file.
        file: Where to; "-" for standard output. Never overwritten.

    Raises:
        ConfigurationError: ``data-dir-not-found``, ``output-not-writable``, or what keeps a node
            from starting on this data directory.
    """
    root = settings.node.data_dir
    if not root.is_dir():  # which opening would make
        raise ConfigurationError("data-dir-not-found", [f"expected a folder {root}, found none"])
    building.open_spool(settings)
    left_out = dict(_left_out(settings, config))
    header = Header(FORMAT, __version__, datetime.now(UTC), _models(settings), left_out)

    def write(output: Any) -> Manifest:
        return write_backup(output, root, header, _settings(settings, config))

    return write(sys.stdout.buffer) if file == STANDARD_STREAM else _whole(Path(file), root, write)


def restore(settings: Settings, file: str) -> Manifest:
    """Make the data directory of a node from a backup.

    Args:
        settings: Valid ones.
        file: The backup; "-" for standard input.

    Raises:
        ConfigurationError: As ``restore_backup`` has it; ``backup-not-readable``, or
            ``data-dir-not-writable``.
    """
    root = settings.node.data_dir
    with _opened(file) as source:
        try:
            return restore_backup(source, root)
        except OSError as error:
            problem = f"node.data_dir: expected to write below {root}, found: {error.strerror}"
            raise ConfigurationError("data-dir-not-writable", [problem]) from None


def missing_models(settings: Settings, manifest: Manifest) -> list[str]:
    """Models of the backed up node that this one has not, by identity."""
    here = _models(settings)
    return [name for name, sha256 in manifest.header.models.items() if here.get(name) != sha256]


def _whole(path: Path, root: Path, write: Callable[[Any], Manifest]) -> Manifest:
    """Write a file that has its name only once it is whole."""
    if path.resolve().is_relative_to(root.resolve()):
        problem = f"expected a place outside the data directory, found {path}"
        raise ConfigurationError("output-not-writable", [problem])
    if path.exists():
        problem = f"{path}: expected a new file, found one of that name"
        raise ConfigurationError("output-not-writable", [problem])
    try:
        with UnfinishedFile(path) as output:
            manifest = write(output)
            output.publish()
    except OSError as error:
        problem = f"{path}: expected to copy the data directory to it, found: {error.strerror}"
        raise ConfigurationError("output-not-writable", [problem]) from None
    return manifest


@contextlib.contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == STANDARD_STREAM:
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115  (closed below)
    except OSError as error:
        problem = f"expected a readable file {file}, found: {error.strerror}"
        raise ConfigurationError("backup-not-readable", [problem]) from None
    with source:
        yield source


def _models(settings: Settings) -> dict[str, str]:
    """SHA-256 of the network by identity, of every model with a card that can be read."""
    store, found = ModelStore(settings.node.models_dir), {}
    for identity in store.identities():
        with contextlib.suppress(ConfigurationError):  # `models verify` tells what is wrong with it
            found[identity] = store.load_card(identity).sha256
    return found


def _settings(settings: Settings, config: Path) -> Mapping[str, bytes]:
    """The files that say how the node works, unless a password is in them."""
    files = {} if _has_address(settings, config) else {config.name: config.read_bytes()}
    for table in settings.destinations:
        if table.template is not None:
            files[f"template-{table.name}.toml"] = table.template.read_bytes()
    return files


def _left_out(settings: Settings, config: Path) -> Iterator[tuple[str, str]]:
    """Files the settings name and a backup must not hold."""
    if settings.engine.database_url.get_secret_value():
        is_here = _has_address(settings, config)
        yield "engine.database_url", f"in {config}" if is_here else "in the file it names"
    if settings.tls is not None:
        for key in ("certificate", "key", "authorities"):
            yield f"tls.{key}", str(getattr(settings.tls, key))
    if settings.audit is not None and settings.audit.authorities is not None:
        yield "audit.authorities", str(settings.audit.authorities)
    for table in settings.destinations:
        for key in ("authorities", "token_file", "password_file"):
            if (path := getattr(table, key)) is not None:
                yield f"destinations.{key} of {table.name}", str(path)


def _has_address(settings: Settings, config: Path) -> bool:
    """Whether the address of the database, and so its password, is written in the settings."""
    url = settings.engine.database_url.get_secret_value()
    return bool(url) and url in config.read_text(encoding="utf-8-sig")
