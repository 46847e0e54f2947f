"""A model of somebody's own, offered by an installed package and named by a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.deid.deidentify import Deidentifier
from tasks.deid.profile import load_profile
from tasks.deid.text.classifier import load_classifier
from tasks.errors import ConfigurationError
from tests.deid.builders import KEY, deidentify, instance, value_of

_MODULE = """
class Marks:
    def find(self, text):
        if "anger" in text:
            raise ValueError(text)
        start = text.find("pain")
        return [(start, start + 4)] if start >= 0 else []

class Unfit:
    def __init__(self):
        raise OSError("weights of a patient")
"""


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "marking.py").write_text(_MODULE)
    info = tmp_path / "marking-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: marking\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[dicomflow.token_classifiers]\nmarks = marking:Marks\nunfit = marking:Unfit\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    load_classifier.cache_clear()
    return tmp_path


def profile_with(folder: Path, name: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(f"name: own\noptions: [clean-descriptors]\ntoken_classifier: {name}\n")
    return path


def test_what_it_marks_is_cut_and_found_by_its_id(offered: Path) -> None:
    deidentifier = Deidentifier(KEY, load_profile(profile_with(offered, "marks")))
    result = deidentify(deidentifier, instance(StudyDescription="Chest pain left"))
    assert value_of(result.dataset, "StudyDescription") == "Chest left"
    assert "classifier" in {finding.rule for finding in result.findings}


def test_a_profile_with_one_has_another_digest(offered: Path) -> None:
    named = load_profile(profile_with(offered, "marks"))
    (offered / "own.yaml").write_text("name: own\noptions: [clean-descriptors]\n")
    assert named.digest != load_profile(offered / "own.yaml").digest


@pytest.mark.parametrize(("name", "words"), [("absent", "No installed package"), ("unfit", "cannot be made")])
def test_one_that_is_not_there_is_refused_before_any_input(name: str, words: str, offered: Path) -> None:
    with pytest.raises(ConfigurationError, match=words) as refused:
        Deidentifier(KEY, load_profile(profile_with(offered, name)))
    assert "weights" not in str(refused.value)


def test_its_failure_quotes_no_text(offered: Path) -> None:
    deidentifier = Deidentifier(KEY, load_profile(profile_with(offered, "marks")))
    with pytest.raises(ConfigurationError, match="ValueError") as failed:
        deidentify(deidentifier, instance(StudyDescription="danger"))
    assert "danger" not in str(failed.value)
