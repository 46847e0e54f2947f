"""Measures what is left of planted identifiers, and what is kept of what is useful, by our cleaning and by others'.

The corpus, the key and the scorer know no cleaner; here they meet ours, one file after the other, as a
worker would clean them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from tasks.benchmark.answers import REFERENCES, write_key
from tasks.benchmark.corpus import demanded, write_corpus
from tasks.benchmark.peers import Peer, installed_peers
from tasks.benchmark.score import Score, score
from tasks.clean import clean_instance
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import Key
from tasks.deid.profile import load_profile
from tasks.dicom.buffer import Buffer
from tasks.layout import instance_path
from tasks.records import Reject

CORPUS, KEY_FILE, OUTPUTS = "corpus", "key.ndjson", "outputs"
TARGETS = {
    "text_removed": 1.0,
    "gone_from_file": 1.0,
    "date_shifted": 1.0,
    "uid_changed": 1.0,
    "uid_consistent": 1.0,
    "patid_consistent": 1.0,
    "text_notnull": 1.0,
    "pixels_retained": 1.0,
    "tag_retained": 0.99,
    "text_retained": 0.97,
}
"""Share of the key's rows that our cleaning must fulfil, by measure."""


class Result(NamedTuple):
    """What one cleaner reached on a corpus.

    Attributes
    ----------
    cleaner
        Its name and version.
    score
        Against the key.
    refused
        By reason, how many files it would not clean.
    """

    cleaner: str
    score: Score
    refused: Mapping[str, int]

    @property
    def missed(self) -> tuple[str, ...]:
        """Name the measures in which it is below what ours must reach."""
        return tuple(
            name
            for name, target in TARGETS.items()
            if name in self.score.measures and self.score.measures[name].share < target
        )


def run_benchmark(folder: Path, *, seed: int, files: int, profile: str, peers: bool) -> tuple[Result, ...]:
    """Make a corpus, have it cleaned, and score what came out: ours first.

    Parameters
    ----------
    folder
        Empty or new; corpus, key and outputs are left in it.
    peers
        Whether other programs that are installed clean it too.
    """
    corpus = folder / CORPUS
    answers = write_corpus(corpus, seed, files)
    write_key(answers, folder / KEY_FILE)
    loaded = load_profile(profile)
    options = {option.name for option in loaded.options} | ({REFERENCES} if loaded.maps_references else set())
    asked = demanded(answers, frozenset(options))
    key = Key(hashlib.sha256(b"deid-benchmark %d" % seed).digest())
    names = sorted({answer.file for answer in answers})
    outputs, refused = clean_files(corpus, folder / OUTPUTS / "dicomflow", names, Deidentifier(key, loaded))
    ours = Result(
        f"dicomflow {version('dicomflow')}, {loaded.name}",
        score(asked, outputs, folder / OUTPUTS / "dicomflow"),
        refused,
    )
    others = (
        _run_peer(peer, corpus, folder / OUTPUTS / peer.name, names)
        for peer in (installed_peers() if peers else ())
    )
    return (
        ours,
        *(
            Result(peer, score(asked, made, below, with_paths=False), failed)
            for peer, made, below, failed in others
        ),
    )


def clean_files(
    corpus: Path, target: Path, names: Iterable[str], deidentifier: Deidentifier
) -> tuple[dict[str, Path], dict[str, int]]:
    """Clean files as a worker does; give where each went, and how many were refused for what."""
    outputs: dict[str, Path] = {}
    refused: dict[str, int] = {}
    for name in names:
        clean = clean_instance(Buffer((corpus / name).read_bytes()), deidentifier, pixels=True)
        if isinstance(clean, Reject):
            refused[clean.code] = refused.get(clean.code, 0) + 1
            continue
        path = target / instance_path(
            clean.PatientID, clean.StudyInstanceUID, clean.SeriesInstanceUID, clean.SOPInstanceUID
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(clean.pieces()))
        outputs[name] = path
    return outputs, refused


def _run_peer(
    peer: Peer, corpus: Path, target: Path, names: Iterable[str]
) -> tuple[str, dict[str, Path], Path, dict[str, int]]:
    target.mkdir(parents=True)
    outputs, failed = _clean_with(peer.prepare(), corpus, target, names)
    return f"{peer.name} {peer.version}", outputs, target, failed


def _clean_with(
    clean: Callable[[Path, Path], None], corpus: Path, target: Path, names: Iterable[str]
) -> tuple[dict[str, Path], dict[str, int]]:
    outputs: dict[str, Path] = {}
    failed: dict[str, int] = {}
    for number, name in enumerate(names):
        path = target / f"{number:06d}.dcm"
        try:
            clean(corpus / name, path)
        except Exception as error:  # noqa: BLE001 - what another program cannot clean is a figure of its own
            reason = type(error).__name__
            failed[reason] = failed.get(reason, 0) + 1
            continue
        if path.exists():
            outputs[name] = path
    return outputs, failed
