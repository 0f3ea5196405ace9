"""Hostile objects: what a good one becomes by luck or ill will, the same for the same seed."""

import random
import struct
from collections.abc import Callable

from pydicom.datadict import keyword_for_tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from builders import file_of, nac_file, nac_object, put_bytes, transcoded
from mumap_node.dicom.files import read_dataset, to_bytes


def good_files() -> dict[str, bytes]:
    """A tiny object in many encodings."""
    explicit = nac_file(shape=(4, 6, 6), spacing_mm=(9, 9, 9))
    larger = nac_file(shape=(4, 64, 64))
    return {
        ExplicitVRLittleEndian: explicit,
        ImplicitVRLittleEndian: transcoded(explicit, ImplicitVRLittleEndian),
        ExplicitVRBigEndian: transcoded(explicit, ExplicitVRBigEndian),
        DeflatedExplicitVRLittleEndian: transcoded(explicit, DeflatedExplicitVRLittleEndian),
        RLELossless: transcoded(explicit, RLELossless),
        JPEGLSLossless: transcoded(explicit, JPEGLSLossless),
        JPEG2000Lossless: transcoded(larger, JPEG2000Lossless),
    }


def flip_bytes(file: bytes, rng: random.Random) -> bytes:
    mutated = bytearray(file)
    for _ in range(rng.choice((1, 3, 30))):
        mutated[rng.randrange(132, len(file))] = rng.randrange(256)
    return bytes(mutated)


def flip_header_bytes(file: bytes, rng: random.Random) -> bytes:
    """The header is a hundredth of the file; most luck would hit pixels."""
    mutated = bytearray(file)
    for _ in range(rng.choice((1, 2, 8))):
        mutated[rng.randrange(132, min(len(file), 3000))] ^= 1 << rng.randrange(8)
    return bytes(mutated)


def truncate(file: bytes, rng: random.Random) -> bytes:
    return file[: rng.choice((rng.randrange(len(file)), rng.randrange(min(len(file), 3000))))]


def cut_out(file: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(132, min(len(file), 3000))
    return file[:start] + file[start + rng.randrange(1, 200) :]


def insert(file: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(132, min(len(file), 3000))
    return file[:at] + rng.randbytes(rng.randrange(1, 40)) + file[at:]


def swap_lengths(file: bytes, rng: random.Random) -> bytes:
    """Lengths and numbers that programs believe: all ones, zero, huge, negative."""
    mutated = bytearray(file)
    at = rng.randrange(132, min(len(file), 3000) - 4)
    mutated[at : at + 4] = struct.pack("<L", rng.choice((0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000)))
    return bytes(mutated)


def delete_elements(file: bytes, rng: random.Random) -> bytes:
    dataset = read_dataset(file)
    for tag in rng.sample(sorted(dataset.keys()), rng.choice((1, 2, 10))):
        del dataset[tag]
    return to_bytes(dataset)


HOSTILE_VALUES = [
    b"", b"\0\0", b" " * 8, b"-1", b"0 ", b"1e999 ", b"nan ", b"9" * 40, b"\\" * 20,
    b"\xff" * 10, b"\x1b$B\x1b(J", b"../../../../etc/passwd", b"%n%n%n%n", b"A" * 70000,
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\x00\xe0\x04\0\0\0\xff\xff\xff\xff",
    b"1\\2\\3\\4\\5\\6\\7\\8", b"TRANSMISSION", b"ISO_IR 192\\KLINGON", b"\x00" * 6 + b"\xf0\x7f",
]  # fmt: skip


def replace_values(file: bytes, rng: random.Random) -> bytes:
    """Values of elements, at the top or in items, by hostile ones or those of other elements."""
    dataset = read_dataset(file)
    for _ in range(rng.choice((1, 2, 6))):
        holder = dataset
        tag = rng.choice(sorted(holder.keys()))
        element = holder.get_item(tag, keep_deferred=True)
        other = holder.get_item(rng.choice(sorted(holder.keys())), keep_deferred=True)
        if not hasattr(element, "_replace"):
            continue
        borrowed = getattr(other, "value", None)
        value = rng.choice([*HOSTILE_VALUES, borrowed if isinstance(borrowed, bytes) else b"x"])
        value += b" " * (len(value) % 2)
        holder[tag] = element._replace(value=value, length=len(value))
    return to_bytes(dataset)


def change_items(file: bytes, rng: random.Random) -> bytes:
    """Values within the sequences that say where and what."""
    source = nac_object(shape=(4, 6, 6))
    sequence = rng.choice(
        ("DetectorInformationSequence", "EnergyWindowInformationSequence",
         "RadiopharmaceuticalInformationSequence", "PatientOrientationCodeSequence",
         "RotationInformationSequence", "PatientGantryRelationshipCodeSequence")
    )  # fmt: skip
    items = source[sequence].value
    if rng.random() < 0.3:
        items.append(items[0]) if rng.random() < 0.5 else items.pop()
    for item in items:
        tag = rng.choice(sorted(item.keys()))
        value = rng.choice(HOSTILE_VALUES)
        if item.get_item(tag).VR != "SQ":
            put_bytes(item, keyword_for_tag(tag), value + b" " * (len(value) % 2))
    return file_of(source)


MUTATIONS_OF = [
    flip_bytes, flip_header_bytes, truncate, cut_out, insert, swap_lengths,
    delete_elements, replace_values, change_items,
]  # fmt: skip
NEEDS_EXPLICIT = (delete_elements, replace_values)


def mutated(
    good: dict[str, bytes], seed: int
) -> tuple[Callable[[bytes, random.Random], bytes], bytes]:
    rng = random.Random(seed)  # noqa: S311  (reproducible on purpose)
    mutation = MUTATIONS_OF[seed % len(MUTATIONS_OF)]
    source = ExplicitVRLittleEndian if mutation in NEEDS_EXPLICIT else rng.choice(sorted(good))
    return mutation, mutation(good[source], rng)
