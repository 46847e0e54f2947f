from __future__ import annotations

import pytest

from tasks.clean import CleanInstance, clean_instance
from tasks.deid.changes import Change, find_changes
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.deid.pseudonyms import Pseudonyms
from tests.builders import KEY_TEXT, ROOT, buffer, ct_instance

KEY = load_key(text=KEY_TEXT)
PSEUDONYMS = Pseudonyms(KEY)


@pytest.fixture(name="changes", scope="module")
def make_changes() -> dict[str, Change]:
    deidentifier = Deidentifier(KEY, load_profile("research"))
    clean = clean_instance(buffer(ct_instance(PatientComments="Janettea walks")), deidentifier, pixels=True)
    assert isinstance(clean, CleanInstance)
    found = [
        change
        for trace in clean.traces
        for change in find_changes(trace, deidentifier.rule_of, PSEUDONYMS.fingerprint)
    ]
    assert len({change.path for change in found}) == len(found)
    return {change.path: change for change in found}


@pytest.mark.parametrize(
    ("path", "rule", "action", "value"),
    [
        ("(0010,0020)", "basic-profile", "replaced", "MRN-4711001"),
        ("(0008,0018)", "basic-profile", "mapped", f"{ROOT}.1.1.1"),
        ("(0008,0020)", "retain-modified-dates", "shifted", "20230412"),
        ("(0010,0030)", "basic-profile", "emptied", "19610203"),
        ("(0008,0080)", "basic-profile", "removed", "General Hospital Springfield"),
        ("(0010,4000)", "clean-descriptors", "cleaned", "Janettea walks"),
        ("(0008,1140)[0].(0008,1155)", "basic-profile", "mapped", f"{ROOT}.1.1.2"),
    ],
)
def test_change_is_told_with_its_rule_and_a_fingerprint(
    changes: dict[str, Change], path: str, rule: str, action: str, value: str
) -> None:
    assert changes[path] == Change(path, rule, action, PSEUDONYMS.fingerprint(value.encode()))


@pytest.mark.parametrize("path", ["(0008,0060)", "(0010,0040)", "(0028,0010)", "(0008,0016)"])
def test_what_is_kept_is_no_change(changes: dict[str, Change], path: str) -> None:
    assert path not in changes


def test_no_change_holds_a_value(changes: dict[str, Change]) -> None:
    told = repr(list(changes.values()))
    assert not any(word in told for word in ("Doerfler", "MRN", "Hospital", "walks", ROOT))
