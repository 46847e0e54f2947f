from __future__ import annotations

import pytest

from expectations.contracts import FINDINGS
from tasks.clean import CleanInstance
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.dicom.buffer import Buffer
from tasks.reasons import REASONS
from tasks.recall.cleaner import Cleaner
from tasks.records import Reject
from tasks.tables.rows import Gathered, instance_row, rows_to_table
from tests.builders import KEY_TEXT
from tests.reasons.attacks import ATTACKS, NAME, as_patient


@pytest.fixture(name="cleaner", scope="module")
def make_cleaner() -> Cleaner:
    return Cleaner(Deidentifier(load_key(text=KEY_TEXT), load_profile("research")))


@pytest.mark.parametrize("kind", ATTACKS)
def test_an_attack_ends_with_a_code_or_with_an_output_that_names_nobody(cleaner: Cleaner, kind: str) -> None:
    attacks = list(ATTACKS[kind]())
    assert len({name for name, _ in attacks}) == len(attacks) > 10
    for name, data in attacks:
        for pixels in (True, False):
            ended = cleaner.clean(Buffer(as_patient(data)), pixels=pixels)
            if isinstance(ended, Reject):
                assert ended.code in REASONS, name
                assert ended.code != "INTERNAL_ERROR", name
            else:
                assert NAME.upper() not in leaving(ended).upper(), name


def leaving(clean: CleanInstance) -> bytes:
    """Give all that leaves of an instance: its file, its row and its findings, which must fit in their tables."""
    row = instance_row(
        clean.columns,
        source_ref="",
        batch_id="",
        file_path=None,
        size_bytes=None,
        sha256=None,
        transfer_syntax=clean.transfer_syntax,
        header_json=clean.header.decode(),
        has_pixel_data=clean.has_pixel_data,
        pixel_bytes=clean.pixel_bytes,
        expected_pixel_bytes=clean.expected_pixel_bytes,
        findings=clean.findings,
    )
    findings = [{"source_ref": "", "batch_id": "", **finding._asdict()} for finding in clean.findings]
    instances = Gathered()
    instances.add(row)
    tables = (instances.table(), rows_to_table(findings, FINDINGS))
    return b"".join(map(bytes, clean.pieces())) + repr([table.to_pylist() for table in tables]).encode()
