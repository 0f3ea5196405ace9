"""A Docker engine of the tests' own, with stand-ins for the base images it has no registry for.

The engine keeps everything below one folder and is gone, with its network rules, when its
``with`` block ends::

    with docker_engine() as docker:
        import_base_image(docker, ("python:3.11-slim-bookworm",))
        docker("build", "--target", "cpu", "--tag", "mumap-node", ".")
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory, mkdtemp

from debian import SUITE, cached, mirror
from waiting import wait_until

PROJECT = Path(__file__).parents[1]
NEEDED = ("dockerd", "docker", "debootstrap", "eatmydata", "iptables-save", "ip")
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")

PACKAGES = "ca-certificates,netbase,tzdata,libffi8,libsqlite3-0,libssl3,libreadline8"
LIBRARIES = "libbz2-1.0,liblzma5,zlib1g,libuuid1,libncursesw6,libexpat1,libgdbm6"
"""What a CPython of another place than Debian's links to."""


class NoEngineError(Exception):
    """No Docker engine can be started here, and why."""


@dataclass(frozen=True)
class Docker:
    """A running engine.

    Attributes:
        folder: Below it lies everything of the engine's.
        environment: For docker and docker-compose.
    """

    folder: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str, seconds: float = 300) -> str:
        """Run ``docker`` and give what it prints."""
        return printed(self.run("docker", *arguments, seconds=seconds))

    def run(self, *command: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command against this engine, whatever it ends with."""
        return subprocess.run(
            command,
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


def printed(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed; fails with all it said where it failed."""
    if done.returncode:
        said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        raise AssertionError(f"{' '.join(done.args)} ended with {done.returncode}:\n{said}")
    return done.stdout


@contextmanager
def docker_engine(**environment: str) -> Iterator[Docker]:
    """Start an engine on paths of its own, and leave nothing of it behind.

    Args:
        environment: More variables for docker and docker-compose.

    Raises:
        NoEngineError: It cannot start here.
    """
    missing = [tool for tool in NEEDED if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        raise NoEngineError(f"needs root and {', '.join(NEEDED)}; missing: {missing}")
    folder = Path(mkdtemp(prefix="mumap-docker-"))
    try:
        with _network_restored(), _daemon(folder, environment) as docker:
            yield docker
    finally:
        _unmount_below(folder)
        shutil.rmtree(folder)


@contextmanager
def _daemon(folder: Path, environment: dict[str, str]) -> Iterator[Docker]:
    address = f"unix://{folder}/docker.sock"
    command = [
        *("dockerd", "--host", address, "--pidfile", f"{folder}/dockerd.pid"),
        *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
        *("--storage-driver", "overlay2", "--mtu", _mtu()),
    ]
    docker = Docker(
        folder,
        os.environ
        | {"DOCKER_HOST": address, "DOCKER_CONFIG": f"{folder}/config", "DOCKER_BUILDKIT": "0"}
        | environment,
    )
    (folder / "config").mkdir()
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_until_it_answers(daemon, docker)
        yield docker
    finally:
        daemon.send_signal(signal.SIGTERM)  # also ends its containers
        daemon.wait(60)


def _wait_until_it_answers(daemon: subprocess.Popen[bytes], docker: Docker) -> None:
    """Poll ``docker info``; what the daemon said last is the reason where it never answers."""

    def answers_or_ended() -> bool:
        asked = subprocess.run(
            ["docker", "info"], env=docker.environment, capture_output=True, check=False
        )
        return asked.returncode == 0 or daemon.poll() is not None

    wait_until(answers_or_ended, 60)
    if daemon.poll() is not None:
        last = (docker.folder / "dockerd.log").read_text().splitlines()[-1:]
        raise NoEngineError(f"dockerd ended with {daemon.returncode}: {last}")


def _mtu() -> str:
    """Packet size of the way out, or builds hang on hosts where it is below 1500."""
    words = _output("ip", "-oneline", "route", "show", "default").split()
    if "dev" not in words:
        return "1500"
    return Path("/sys/class/net", words[words.index("dev") + 1], "mtu").read_text().strip()


@contextmanager
def _network_restored() -> Iterator[None]:
    """Take back the rules and the bridge Docker leaves, unless another engine uses them too."""
    rules, bridge = _output("iptables-save"), Path("/sys/class/net/docker0").exists()
    try:
        yield
    finally:
        if "DOCKER" not in rules and not bridge:
            flushed = "".join(f"*{table}\nCOMMIT\n" for table in ("filter", "nat"))
            subprocess.run(["iptables-restore"], input=rules or flushed, text=True, check=True)
            subprocess.run(["ip", "link", "delete", "docker0"], check=False, capture_output=True)


def _unmount_below(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=True)


def import_base_image(docker: Docker, tags: Sequence[str]) -> None:
    """Make an image of Debian and this Python interpreter, under the names of official images.

    Python lies in /usr/local as in the official image, where the running interpreter is a tree of
    its own; Debian's interpreter is taken where it is the running one.
    """
    own_python = Path(sys.base_prefix) != Path("/usr")
    include = f"{PACKAGES},{LIBRARIES}" if own_python else f"{PACKAGES},python3,python3-venv"
    with TemporaryDirectory(prefix="base-", dir=docker.folder) as root:
        _unpack(_bootstrapped(include), Path(root))
        if own_python:
            _copy_python(Path(root))
        _trust_what_this_host_trusts(Path(root))
        path = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        changes = ("--change", "ENV LANG=C.UTF-8", "--change", f"ENV PATH={path}")
        archive = docker.folder / "base.tar"
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        docker("import", *changes, str(archive), tags[0])
        archive.unlink()
    for tag in tags[1:]:
        docker("tag", tags[0], tag)


def _bootstrapped(include: str) -> Path:
    """A tar of a minimal Debian, from the cache where one is there and young.

    It holds Debian's packages alone, nothing of this host; it appears in the cache by rename.
    """
    key = hashlib.sha256(f"{SUITE} {include}".encode()).hexdigest()[:16]
    archive = cached(f"debian-{key}.tar")
    if archive.exists():
        return archive
    with TemporaryDirectory(prefix="mumap-debootstrap-") as root:
        subprocess.run(
            [
                *("eatmydata", "debootstrap", "--variant=minbase", f"--include={include}"),
                *(SUITE, root, mirror()),
            ],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
        for left in (*Path(root, "var/cache/apt/archives").glob("*.deb"),):
            left.unlink()
        shutil.rmtree(Path(root, "var/lib/apt/lists"))
        with NamedTemporaryFile(dir=archive.parent, suffix=".part", delete=False) as part:
            subprocess.run(["tar", "-C", root, "-c", "."], stdout=part, check=True)
        Path(part.name).replace(archive)
    return archive


def _unpack(archive: Path, root: Path) -> None:
    subprocess.run(["tar", "-C", root, "-xf", archive], check=True)


def _copy_python(root: Path) -> None:
    left_out = ("__pycache__", "./lib/python3.*/test", "./lib/python3.*/site-packages/*", "./share")
    pack = ["tar", "-C", sys.base_prefix, *(f"--exclude={name}" for name in left_out), "-c", "."]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packed:
        subprocess.run(["tar", "-C", root / "usr/local", "-x"], stdin=packed.stdout, check=True)
    subprocess.run(["chroot", root, "ldconfig"], check=True)


def _trust_what_this_host_trusts(root: Path) -> None:
    """Builds run pip and apt inside the image; where this host trusts more, they must too."""
    if CA_BUNDLE.exists():
        shutil.copy(CA_BUNDLE, root / str(CA_BUNDLE).lstrip("/"))
        Path(root, "etc/pip.conf").write_text(f"[global]\ncert = {CA_BUNDLE}\n")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
