from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deid.key import Key
from tasks.errors import ConfigurationError
from tasks.vault.seal import Identity, Seal
from tasks.vault.segments import SEALED, read_segment, records_table, shorten, with_value, write_segment

OURS = Seal(Key(bytes(range(32))).subkey)
THEIRS = Seal(Key(bytes(range(1, 33))).subkey)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
IDENTITIES = st.builds(
    Identity,
    st.sampled_from(["patient", "study", "series", "instance"]),
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    st.none() | st.integers(-3650, -30),
)


@given(IDENTITIES)
def test_what_is_sealed_opens_again(identity: Identity) -> None:
    sealed = OURS.seal(identity)
    assert OURS.open(sealed.record, sealed.sealed) == identity


@given(IDENTITIES)
def test_a_record_is_the_same_bytes_each_time(identity: Identity) -> None:
    assert OURS.seal(identity) == OURS.seal(identity)


@given(IDENTITIES, st.integers(0, 10_000), st.integers(1, 255))
def test_a_record_that_was_changed_does_not_open(identity: Identity, place: int, change: int) -> None:
    sealed = OURS.seal(identity)
    damaged = bytearray(sealed.sealed)
    damaged[place % len(damaged)] ^= change
    with pytest.raises(ConfigurationError, match="damaged"):
        OURS.open(sealed.record, bytes(damaged))


@given(IDENTITIES, IDENTITIES)
def test_records_cannot_change_places(one: Identity, other: Identity) -> None:
    first, second = OURS.seal(one), OURS.seal(other)
    if first.record != second.record:
        with pytest.raises(ConfigurationError):
            OURS.open(first.record, second.sealed)


def test_another_key_opens_nothing_and_finds_nothing() -> None:
    sealed = OURS.seal(Identity("study", "1.2.3", "2.25.4", "P"))
    with pytest.raises(ConfigurationError, match="another key"):
        THEIRS.open(sealed.record, sealed.sealed)
    assert THEIRS.value_key("1.2.3") not in sealed.keys


def test_nothing_of_a_record_is_in_its_file_in_clear() -> None:
    identity = Identity("patient", "MRN-4711", "PSEUDONYM", "PSEUDONYM", "Issuer", "Doerfler^Janette", -99)
    data = write_segment(records_table([OURS.seal(identity)]))
    for value in (b"MRN-4711", b"PSEUDONYM", b"Issuer", b"Doerfler", b"Janette", b"-99"):
        assert value not in data


@given(st.lists(IDENTITIES, max_size=8), st.randoms(use_true_random=False))
def test_equal_records_make_equal_files_in_any_order_and_number(
    identities: list[Identity], random: object
) -> None:
    repeated = [*identities, *identities[::-1]]
    random.shuffle(repeated)  # type: ignore[attr-defined]
    data = write_segment(records_table(map(OURS.seal, identities)))
    assert write_segment(records_table(map(OURS.seal, repeated))) == data
    assert len(read_segment(data)) == len({OURS.seal(one).record for one in identities})
    assert read_segment(data).schema.remove_metadata() == SEALED


@pytest.mark.parametrize("spelled", ["mrn-4711", " MRN-4711\0", "ｍｒｎ-４７１１"])
def test_a_record_is_found_by_each_of_its_values_however_spelled(spelled: str) -> None:
    wanted = Identity("patient", "MRN-4711", "PSEUDONYM", "PSEUDONYM", name="Doerfler^Janette")
    other = Identity("patient", "MRN-4712", "OTHER", "OTHER", name="Quincy^Amelia")
    table = records_table(map(OURS.seal, (wanted, other)))
    for value in (spelled, "PSEUDONYM", "DOERFLER^janette"):
        found = with_value(table, OURS.value_key(value))
        assert found["record"].to_pylist() == [OURS.seal(wanted).record]


def test_digests_are_shortened_to_their_first_bytes() -> None:
    table = records_table([OURS.seal(Identity("study", "1.2.3", "2.25.4", "P"))])
    assert int(shorten(table["record"])[0]) == int.from_bytes(table["record"][0].as_py()[:8])
