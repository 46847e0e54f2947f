"""Compares what we read from a corpus with what DCMTK and GDCM agree on, file by file.

    python infra/compare_corpus.py FOLDER      FOLDER holds EXPECTED.csv and the files it names

Prints each difference, and how every file ended; exit code 1 if a value differs or a file cannot be explained.
The test suite does the same over a sample.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

from tasks.dicom.buffer import Buffer
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import Header
from tasks.dicom.reader import read_header
from tasks.dicom.values import BINARY_NUMBER_VRS, numbers_of, texts_of
from tasks.reasons import REASONS

KEYWORDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "StudyDate",
    "AccessionNumber",
    "Manufacturer",
    "SeriesDescription",
    "InstanceNumber",
    "Rows",
    "Columns",
    "BitsAllocated",
    "NumberOfFrames",
)
PRINTED = 200
"""Longer values are fuzzed ones, which the other tools' print-outs cut in their own ways."""


def shown(header: Header, keyword: str) -> str:
    """Write a value as the print-outs of the other tools do: blanks folded, control characters dropped."""
    element = header.dataset.get(tag_of(keyword))
    if element is None:
        return ""
    if element.VR in BINARY_NUMBER_VRS:
        return "\\".join(str(number) for number in numbers_of(element))
    return fold("\\".join(texts_of(element, header.encodings)))


def fold(text: str) -> str:
    """Fold blanks, drop control characters, and the empty groups at the end of a person's name."""
    return " ".join("".join(part for part in text if part.isprintable()).split()).rstrip("=")[:PRINTED]


def main(folder: Path) -> int:
    """Compare every file that the table names."""
    ended: Counter[str] = Counter()
    differences = 0
    with (folder / "EXPECTED.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            result = read_header(Buffer((folder / row["file"]).read_bytes()))
            if not isinstance(result, Header):
                ended[f"{row['expected_class']}: {result.code}"] += 1
                differences += result.code not in REASONS
                continue
            ended[f"{row['expected_class']}: read"] += 1
            if not row["expected_class"].startswith("readable_agreed"):
                continue
            for keyword in KEYWORDS:
                ours = shown(result, keyword)
                if ours != fold(row[keyword]) and len(ours) < PRINTED:
                    differences += 1
                    print(f"{row['file']}: {keyword} differs")
    for how, count in sorted(ended.items()):
        print(f"{count:6}  {how}")
    print(f"{differences} differences")
    return int(differences > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
