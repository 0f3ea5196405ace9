"""Certificate authorities as a hospital's IT has them, made with openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from mumap_node.node.tls.files import TlsFiles


@dataclass(frozen=True)
class Authority:
    """Issues certificates.

    Attributes:
        folder: Where its files are.
    """

    folder: Path

    @property
    def certificate(self) -> Path:
        """Its own."""
        return self.folder / "authority.pem"

    def issue(self, name: str, *, address: str = "", days: int = 90) -> TlsFiles:
        """A certificate and its key, beside the authority's own; an earlier one is replaced.

        Args:
            name: DNS name in it.
            address: IP address in it, too.
            days: Until it expires; -1 for yesterday.
        """
        files = TlsFiles(self.folder / f"{name}.pem", self.folder / f"{name}.key", self.certificate)
        request, names = self.folder / f"{name}.csr", self.folder / f"{name}.names"
        names.write_text(f"subjectAltName=DNS:{name}{f',IP:{address}' if address else ''}")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", files.key, "-out", request,
                "-subj", f"/CN={name}")  # fmt: skip
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey",
                self.folder / "authority.key", "-CAcreateserial", "-days", days, "-extfile", names,
                "-out", files.certificate)  # fmt: skip
        return files


def make_authority(folder: Path) -> Authority:
    """An authority that keeps its files in a folder."""
    made = Authority(folder)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
            made.folder / "authority.key", "-out", made.certificate, "-subj", f"/CN={folder.name}",
            "-days", 365)  # fmt: skip
    return made


def openssl(*arguments: object) -> str:
    """What an openssl command prints."""
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def options(files: TlsFiles) -> list[str]:
    """Of DCMTK's commands, to speak TLS."""
    return ["+tls", str(files.key), str(files.certificate), "+cf", str(files.authorities)]
