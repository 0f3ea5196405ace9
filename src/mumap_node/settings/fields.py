"""What tables are, and the kinds of value they know, each with what is expected of it."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator
from pydantic.fields import FieldInfo
from pydicom import uid as pydicom_uid
from pydicom.uid import UID

from mumap_node.node.routing import Condition, Network, parse_address
from mumap_node.settings.suggestions import did_you_mean

AE_TITLE_MAXIMUM = 16
"""Characters of an AE title. Source: PS3.5 6.2, VR AE."""

_AE_CHARACTERS = re.compile(r"[\x20-\x5B\x5D-\x7E]+")  # ISO 646 without backslash and controls
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HOST_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}")  # SHA-256
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~%:/\[\]-]+")  # no user, no query, no fragment
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_UID_MAXIMUM = 64  # characters, PS3.5 9.1
_HOST_MAXIMUM = 253  # characters of a DNS name, RFC 1035 2.3.4

Item = TypeVar("Item")


class Table(BaseModel):
    """A table: frozen, closed to keys nobody knows, and silent about values in errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    @classmethod
    def by_key(cls) -> dict[str, FieldInfo]:
        """Every key as the file writes it."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}


def _ae_title(text: str) -> str:
    title = text.strip(" ")
    if not 1 <= len(title) <= AE_TITLE_MAXIMUM or not _AE_CHARACTERS.fullmatch(title):
        raise ValueError("expected an AE title: 1 to 16 characters of ASCII, no backslash")
    return title


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "expected a name of 1 to 63 letters, digits, '-', '_' or '.', beginning with one of "
            "the first two, since it becomes part of file names and log lines"
        )
    return text


def _bind_address(text: str) -> str:
    if parse_address(text) is None:
        raise ValueError(
            'expected an IP address of this machine, such as "0.0.0.0" for all or "127.0.0.1"'
        )
    return text


def _host(text: str) -> str:
    labels = text.removesuffix(".").split(".")
    is_name = len(text) <= _HOST_MAXIMUM and all(map(_HOST_LABEL.fullmatch, labels))
    if parse_address(text) is None and (not is_name or labels[-1].isdigit()):
        raise ValueError('expected a host name or an IP address, such as "pacs.example.org"')
    return text


def _certificate_name(text: str) -> str:
    if not _FINGERPRINT.fullmatch(text):
        try:
            _host(text)
        except ValueError:
            raise ValueError(
                'expected a name in the certificate, such as "spect1.example.org", or its SHA-256 '
                "fingerprint: 64 hexadecimal digits, with colons or without"
            ) from None
    return text


def _service_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        _host(parts.hostname or "")
        is_address = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not _URL_CHARACTERS.fullmatch(text):
        raise ValueError(
            'expected an address such as "https://pacs.example.org/dicom-web"; no user, password '
            "or query: what authenticates the node has keys of its own"
        )
    return text.rstrip("/")


def _user_name(text: str) -> str:
    if not text or not text.isprintable() or ":" in text:
        raise ValueError("expected a user name without colons")  # RFC 7617 2
    return text


def _timezone(text: str) -> str:
    known = available_timezones()
    if text not in known:
        hint = did_you_mean(text, known)
        raise ValueError(f'expected an IANA time zone, such as "Europe/Vienna"{hint}')
    return text


def _network(value: object) -> Network:
    if not isinstance(value, str):
        raise ValueError('expected an IP address or network in quotes, such as "192.0.2.17"')
    try:
        return ip_network(value)
    except ValueError:
        pass
    try:
        wider = ip_network(value, strict=False)
    except ValueError:
        raise ValueError(
            'expected an IP address or network, such as "192.0.2.17" or "192.0.2.0/24"; '
            "host names are not looked up, since whoever answers for the name could then call in"
        ) from None
    raise ValueError(f'expected a network without host bits; did you mean "{wider}"?')


def parse_network(value: object) -> Network | None:
    """Read an address or network as a peer's hosts give it; None where it is neither."""
    try:
        return _network(value)
    except ValueError:
        return None


def _condition(value: object) -> Condition:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return Condition(values=(value,))
    if isinstance(value, dict) and value.keys() == {"regex"} and isinstance(value["regex"], str):
        return Condition(pattern=_pattern(value["regex"]))
    if isinstance(value, list) and value:
        inner = [_condition(entry) for entry in value]
        if all(condition.pattern is None for condition in inner):
            return Condition(values=tuple(v for condition in inner for v in condition.values))
    raise ValueError('expected a value, a list of values, or { regex = "…" }')


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"expected a regular expression, found {text!r}: {error}") from None


def _storage_class(text: str) -> str:
    known = {name: uid for name, uid in vars(pydicom_uid).items() if isinstance(uid, UID)}
    storage = {name: str(uid) for name, uid in known.items() if name.endswith("Storage")}
    if text in storage:
        return storage[text]
    if _UID.fullmatch(text) and len(text) <= _UID_MAXIMUM:
        return text
    hint = did_you_mean(text, storage)
    raise ValueError(
        f'expected a storage SOP class, such as "NuclearMedicineImageStorage" or its UID{hint}'
    )


def _from_list(value: object) -> object:
    """TOML has lists only; the settings keep tuples, which cannot change."""
    return tuple(value) if isinstance(value, list) else value


def _path(value: object) -> object:
    if value == "":
        raise ValueError("expected a path, found an empty text")
    return Path(value) if isinstance(value, str) else value


AETitle = Annotated[str, AfterValidator(_ae_title)]
"""Application Entity title, VR AE (PS3.5 6.2): 1-16 characters, no backslash.
Spaces around it carry no meaning and are removed; spaces inside it count, and so does case."""

Name = Annotated[str, AfterValidator(_name)]
"""Name of a peer, a destination or a route; it appears in file names and log lines."""

BindAddress = Annotated[str, AfterValidator(_bind_address)]
"""IP address of this machine to listen on."""

Host = Annotated[str, AfterValidator(_host)]
"""Host name or IP address of another machine."""

CertificateName = Annotated[str, AfterValidator(_certificate_name)]
"""What identifies a certificate: a host name or address in it, or its SHA-256 fingerprint."""

ServiceUrl = Annotated[str, AfterValidator(_service_url)]
"""Address of a DICOMweb service by http or https; a slash at its end is removed."""

UserName = Annotated[str, AfterValidator(_user_name)]
"""User of HTTP Basic authentication."""

Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
"""TCP port."""

ListenPort = Annotated[int, Field(ge=0, le=65535, strict=True)]
"""TCP port of this machine; 0 takes a free one, which the log tells."""

Timezone = Annotated[str, AfterValidator(_timezone)]
"""Name in the IANA time zone database."""

PeerNetwork = Annotated[Network, PlainValidator(_network)]
"""An address or a network in CIDR notation, read strictly."""

MatchCondition = Annotated[Condition, PlainValidator(_condition)]
"""What an attribute must be: a value, one of a list, or a regular expression."""

StorageClass = Annotated[str, AfterValidator(_storage_class)]
"""A storage SOP class by keyword or UID; kept as UID."""

FilePath = Annotated[Path, BeforeValidator(_path)]
"""A path; relative ones are below the folder of the settings file."""

Tuple = Annotated[tuple[Item, ...], BeforeValidator(_from_list)]
"""A list in the file."""

Count = Annotated[int, Field(ge=1, strict=True)]
"""A whole number from 1."""

Flag = Annotated[bool, Field(strict=True)]
"""true or false."""
