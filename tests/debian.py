"""What tests take from Debian beside what is installed, kept in the user's cache for some days."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

CACHE_DAYS = 7
"""How long what was taken serves again; its packages age."""

SUITE = "bookworm"
"""The Debian the tests run on."""

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class NotToBeHadError(Exception):
    """Something cannot be had here, and why."""


def cached(name: str) -> Path:
    """Where something of this name lies in the cache; there is nothing older than CACHE_DAYS."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mumap-node"
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / name
    if path.exists() and time.time() - path.stat().st_mtime > CACHE_DAYS * 86400:
        with new_folder(path) as aside:
            path.rename(aside / "old")
    return path


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder beside a path of the cache, to be filled and then renamed to it."""
    with TemporaryDirectory(prefix="part-", dir=path.parent) as folder:
        yield Path(folder)


def mirror() -> str:
    """Where this host's apt gets its Debian from.

    Raises:
        NotToBeHadError: It is another one.
    """
    command = ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in told.splitlines():
        if line.startswith(f"{SUITE} "):
            return line.split()[1]
    raise NotToBeHadError(f"expected a mirror of Debian {SUITE} among this host's, found none")


def unpacked(suite: str, *packages: str) -> Path:
    """Packages of another Debian with all they need, unpacked and not installed.

    Programs run there by their own loader and with their own libraries, without root.

    Raises:
        NotToBeHadError: The mirror does not give them.
    """
    root = cached(f"{suite}-{'-'.join(packages)}")
    if root.exists():
        return root
    with new_folder(root) as folder:
        for made in ("state/lists/partial", "cache/archives/partial", "root"):
            (folder / made).mkdir(parents=True)
        (folder / "status").touch()
        source = f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n"
        (folder / "sources.list").write_text(source)
        options = {
            "Dir::State": folder / "state",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Acquire::http::Timeout": 10,
            "Acquire::Languages": "none",
            "APT::Install-Recommends": 0,
            "APT::Sandbox::User": "root",
            "APT::Update::Error-Mode": "any",
        }
        apt = ["apt-get", "-qq", "-y", *(f"-o{name}={value}" for name, value in options.items())]
        try:
            _run(*apt, "update")
            _run(*apt, "--download-only", "install", *packages)
        except subprocess.CalledProcessError as error:
            raise NotToBeHadError(f"{packages[0]} of Debian {suite}: {error.stderr}") from None
        for package in (folder / "cache/archives").glob("*.deb"):
            _run("dpkg", "-x", str(package), str(folder / "root"))
        (folder / "root").touch()  # its age is that of the files otherwise
        (folder / "root").rename(root)
    return root


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
