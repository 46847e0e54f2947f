"""Objects made from a seed: no patient's file is needed to measure, and anybody measures on the same bytes.

A header here is as long as those of real scanners, some 170 elements with sequences and private blocks,
because time goes by the element and not by the byte. Of each kind there are as many files as one likes, at
some thousands a second.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless

from tests.bench.classic import Place, make_classic, place_of
from tests.bench.enhanced import FRAMES, make_enhanced
from tests.bench.template import Template

DEFAULT_SEED = 20_260_501

INSTANCES_A_SERIES = 25
_MODULES = ("corpus.py", "classic.py", "enhanced.py", "template.py")
_MARKED = 64
"""Bytes that tell where the pixels of a template begin."""


class Kind(StrEnum):
    """What the files are like.

    Notes
    -----
    The first five have the same header, with 8 kB of pixels, the same in Implicit VR, 4 kB of fragments as of
    JPEG 2000, 524 kB of pixels, or none. The last two have 300 frames with functional groups each, of defined
    length in CT and of undefined length in MR, and 2.4 MB of pixels.
    """

    SMALL = "small CT"
    IMPLICIT = "implicit VR CT"
    COMPRESSED = "JPEG 2000 CT"
    SLICE = "CT slice"
    HEADER = "header only CT"
    ENHANCED_CT = "enhanced CT"
    ENHANCED_MR = "enhanced MR"


ENHANCED = {Kind.ENHANCED_CT: "CT", Kind.ENHANCED_MR: "MR"}
"""Modalities of the multi-frame kinds."""
_SLICE_SIDE, _SMALL_SIDE = 512, 64
"""Rows and columns, of two bytes a pixel."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides the bytes of a corpus."""

    kind: Kind
    count: int
    seed: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files that exist."""

    recipe: Recipe
    folder: Path
    size_bytes: int

    def paths(self, limit: int | None = None) -> list[Path]:
        """Give the first files, in order."""
        return sorted(self.folder.rglob("*.dcm"))[:limit]


def make_corpus(recipe: Recipe, scratch: Path) -> Corpus:
    """Give a corpus below `scratch`, made now unless one of this recipe is there."""
    name = f"{recipe.kind.replace(' ', '-')}-{recipe.count}-{recipe.seed}"
    folder = scratch / "corpora" / name
    mark = scratch / "corpora" / f"{name}.json"  # written last: a corpus that was not finished is made again
    made_by = {**asdict(recipe), "generator": _digest_generator()}
    if mark.is_file():
        found = json.loads(mark.read_text())
        if {name: value for name, value in found.items() if name != "size_bytes"} == made_by:
            return Corpus(recipe, folder, found["size_bytes"])
    shutil.rmtree(folder, ignore_errors=True)
    size_bytes = sum(_write(folder / path, content) for path, content in make_files(recipe))
    mark.write_text(json.dumps({**made_by, "size_bytes": size_bytes}))
    return Corpus(recipe, folder, size_bytes)


def _digest_generator() -> str:
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in _MODULES)).hexdigest()


def _write(path: Path, content: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_bytes(content)


def make_files(recipe: Recipe) -> Iterator[tuple[str, bytes]]:
    """Make the files of a corpus: path and content."""
    pixels = _make_pixels(recipe)
    for start in range(0, recipe.count, INSTANCES_A_SERIES):
        place = place_of(start // INSTANCES_A_SERIES)
        template = Template(_make_series(place, recipe, pixels), pixels[:_MARKED])
        for number in range(1, min(INSTANCES_A_SERIES, recipe.count - start) + 1):
            yield f"{place.folder}/IM{number:04d}.dcm", template.make_instance(number)


def _side_of(kind: Kind) -> int:
    return _SLICE_SIDE if kind == Kind.SLICE else _SMALL_SIDE


def _make_pixels(recipe: Recipe) -> bytes:
    """Make noise of 12 bits a pixel: it is never decoded."""
    if recipe.kind == Kind.HEADER:
        return b""
    frames = FRAMES if recipe.kind in ENHANCED else 1
    noise = Random(recipe.seed).randbytes(_side_of(recipe.kind) ** 2 * 2 * frames)  # noqa: S311
    mask = int.from_bytes(b"\xff\x0f" * (len(noise) // 2), "little")
    return (int.from_bytes(noise, "little") & mask).to_bytes(len(noise), "little")


def _make_series(place: Place, recipe: Recipe, pixels: bytes) -> Dataset:
    """Make the data set of the series' last instance."""
    random = Random(f"{recipe.seed} {place}")  # noqa: S311
    kind, side = recipe.kind, _side_of(recipe.kind)
    enhanced = kind in ENHANCED
    ds = make_enhanced(place, random, ENHANCED[kind], side) if enhanced else make_classic(place, random, side)
    if kind == Kind.HEADER:
        ds.remove_private_tags()
        return ds
    ds.PixelData = pixels
    if kind == Kind.IMPLICIT:
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    elif kind == Kind.COMPRESSED:
        _compress(ds, pixels)
    return ds


def _compress(ds: Dataset, pixels: bytes) -> None:
    """Put half of the pixels into two fragments, as if a code stream had come of them (T.800 A.5.1)."""
    size = struct.pack(">HHLLLL", 41, 0, ds.Columns, ds.Rows, 0, 0)
    stream = b"\xff\x4f\xff\x51" + size + pixels[: len(pixels) // 2] + b"\xff\xd9"
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    ds.PixelData = encapsulate([stream], fragments_per_frame=2)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
