"""How a station encodes its own attenuation maps: what a site reviewed, as a TOML file.

It holds encoding only. Whatever could tell who a patient is, is refused here again, whoever wrote
the file; ``inspecting`` makes a first version of one map.
"""

import hashlib
import struct
import tomllib
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    model_validator,
)

from mumap_node.dicom import siemens
from mumap_node.dicom.describing import LONGEST_LO, MAP, SOURCE
from mumap_node.dicom.marks import SYNTHETIC
from mumap_node.dicom.personal import looks_personal
from mumap_node.dicom.verbatim import has_form
from mumap_node.errors import ConfigurationError

PROFILE = "template"
"""What settings call the profile; a map's own name for it has a hash of the template too."""

NUMBER_FORMATS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
TEXT_VRS = ("CS", "DS", "IS", "LO", "SH")
"""The VRs of private elements that may be cloned: no names, dates, UIDs, long text, bytes."""

SMALLEST_STORED_PER_LAC, LARGEST_STORED_PER_LAC = 1000.0, 32767.0
"""Stored value of 1/cm. Below, a step would be 1 % of water; above, 1/cm would be clipped, and what
models may answer must not be."""

SHORTEST_SOURCE = 24
"""Bytes a pattern leaves for the name of the source, by which rest and stress are told apart."""

FIRST_IMAGE_TYPES = ("DERIVED", "ORIGINAL")
REQUIRED_IMAGE_TYPE = ("DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION")
"""What the first four values are; the first may be another."""


def _image_type(found: tuple[str, ...]) -> tuple[str, ...]:
    if found[0] not in FIRST_IMAGE_TYPES or found[1:4] != REQUIRED_IMAGE_TYPE[1:]:
        raise ValueError(
            "expected ORIGINAL or DERIVED, then PRIMARY, RECON TOMO, TRANSMISSION (PS3.3 C.8.4.9)"
        )
    if not all(has_form("CS", code) and not looks_personal(code) for code in found):
        raise ValueError("expected codes of capital letters, digits, spaces and underscores")
    return found


def _pattern(found: str) -> str:
    found = found if SYNTHETIC in found else f"{SYNTHETIC} {found}"
    longest = LONGEST_LO - SHORTEST_SOURCE
    rest = found.replace(SOURCE, "", 1)
    if SOURCE not in found or SOURCE in rest or len(rest) > longest or looks_personal(rest):
        raise ValueError(
            f"expected {SOURCE} once and up to {longest} other characters with {SYNTHETIC}, "
            "no name, date or UID"
        )
    return found


Printable = Annotated[str, Field(pattern=r"^[ -\[\]-~]+$", max_length=LONGEST_LO)]
"""Text of the default repertoire, without the backslash that separates values."""

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Table(BaseModel):
    """A table of the file: frozen, and closed to keys nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PrivateElement(Table):
    """A private element of the station's own maps.

    Attributes:
        allow: Whether the site confirms that it is written into every map.
        group: Odd group.
        creator: Private creator, which reserves the block.
        element: Last two digits of the element number.
        vr: Its VR.
        value: Its values.
    """

    allow: StrictBool
    group: Annotated[int, Field(ge=0x0009, lt=0xFFFF)]
    creator: Printable
    element: Annotated[int, Field(ge=0, le=0xFF)]
    vr: Literal["US", "SS", "UL", "SL", "FL", "FD", "CS", "DS", "IS", "LO", "SH"]
    value: Annotated[
        tuple[Annotated[int, Field(strict=True)] | Finite | Printable, ...], Field(min_length=1)
    ]

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        if self.group % 2 == 0:
            raise ValueError("expected an odd group, PS3.5 7.8")
        if (self.group, self.creator, self.element) == (
            siemens.GROUP,
            siemens.CREATOR,
            siemens.SCALE,
        ):
            raise ValueError('expected carriers = ["siemens"] for the scale of Siemens')
        if looks_personal(self.text) or looks_personal(self.creator):
            raise ValueError("expected no name, date, time or UID")
        try:
            _ = self.encoded
        except (struct.error, OverflowError):
            raise ValueError(f"expected values of VR {self.vr}") from None
        return self

    @property
    def text(self) -> str:
        """The values as DICOM writes texts."""
        return "\\".join(map(str, self.value))

    @property
    def encoded(self) -> bytes:
        """The values in little endian.

        Raises:
            struct.error: They do not fit the VR.
        """
        if self.vr in NUMBER_FORMATS:
            return struct.pack(f"<{len(self.value)}{NUMBER_FORMATS[self.vr]}", *self.value)
        if not has_form(self.vr, self.text):
            raise struct.error
        return self.text.encode("ascii")


class Template(Table):
    """The encoding of a station's own maps.

    Attributes:
        image_type: Image Type; SYNTHETIC follows where it is not among the values.
        series_description: Pattern with ``{source}``; SYNTHETIC precedes where it has none.
        stored_per_lac: Stored value of 1/cm.
        carriers: What states the scale beside the Real World Value Mapping.
        signed: Pixel Representation 1.
        first_frame: At which end of the patient frame 1 lies, or as in the source.
        private: Private elements.
    """

    image_type: Annotated[tuple[str, ...], Field(min_length=4), AfterValidator(_image_type)] = (
        REQUIRED_IMAGE_TYPE
    )
    series_description: Annotated[Printable, AfterValidator(_pattern)] = f"{MAP} {SOURCE}"
    stored_per_lac: Annotated[float, Field(ge=SMALLEST_STORED_PER_LAC, le=LARGEST_STORED_PER_LAC)]
    carriers: tuple[Literal["rescale-slope", "siemens"], ...] = ()
    signed: StrictBool = False
    first_frame: Literal["head", "feet", "source"] = "source"
    private: tuple[PrivateElement, ...] = ()

    @property
    def cloned(self) -> tuple[PrivateElement, ...]:
        """The private elements the site confirmed."""
        return tuple(element for element in self.private if element.allow)

    @property
    def name(self) -> str:
        """Output profile of the maps: another for whatever would encode another object."""
        content = self.model_copy(update={"private": self.cloned}).model_dump_json()
        return f"{PROFILE}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def parse_template(text: str) -> Template:
    """Read the text of a template.

    Raises:
        ConfigurationError: ``template-invalid``; names every key that is wrong, and no value.
    """
    try:
        return Template.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        problems: Sequence[str] = [f"expected TOML: {error}"]
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
    raise ConfigurationError("template-invalid", problems)
