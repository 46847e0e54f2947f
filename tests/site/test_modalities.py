"""Of Modality, only the standard's own terms reach a page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.site.modalities import MODALITIES, OTHER_TERM, fold_modalities


@given(st.dictionaries(st.text(max_size=8) | st.sampled_from(["CT", "MR", "other"]), st.integers(1, 1000)))
def test_no_text_of_a_source_passes_and_no_instance_is_lost(counts: dict[str, int]) -> None:
    folded = fold_modalities(counts)
    assert set(folded) <= set(MODALITIES) | {OTHER_TERM}
    assert sum(folded.values()) == sum(counts.values())


def test_terms_are_ordered_by_count_and_the_rest_comes_last() -> None:
    assert list(fold_modalities({"zz": 99, "US": 1, "CT": 5, "MR": 5})) == ["CT", "MR", "US", "other"]


def test_the_terms_are_those_of_the_standard() -> None:
    from pydicom.sr.codedict import codes

    cid = codes.cid33
    assert {getattr(cid, name).value: getattr(cid, name).meaning for name in cid.dir()} == MODALITIES
