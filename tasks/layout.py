"""Where things lie below a target: the one place that spells a path.

published/dicom/<PatientID>/<StudyInstanceUID>/<SeriesInstanceUID>/<SOPInstanceUID>.dcm
published/{instances,series,studies}/      Delta tables
docs/  docs/runs/<run_id>/                 for reviewers
lineage/<run_id>.ndjson                    OpenLineage events
restricted/{ledger,audit}/                 Delta tables
restricted/{withheld,quarantine}/          what did not pass
staging/<run_id>/                          gone after the run
"""

from __future__ import annotations

PUBLISHED = "published"
PUBLISHED_DICOM = "published/dicom"
INSTANCES = "published/instances"
SERIES = "published/series"
STUDIES = "published/studies"
LEDGER = "restricted/ledger"
AUDIT = "restricted/audit"
WITHHELD_DICOM = "restricted/withheld/dicom"
QUARANTINE = "restricted/quarantine"
KEY_CHECK = "restricted/key_check.json"
LOCK = "restricted/lock"
DOCS = "docs"
RUNS = "docs/runs"
LINEAGE = "lineage"
STAGING = "staging"
STAGED_RUNS = "staging/runs"


def instance_path(PatientID: str, StudyInstanceUID: str, SeriesInstanceUID: str, SOPInstanceUID: str) -> str:
    """Give an instance's path below `published/dicom`, `staging/<run_id>/dicom` or `restricted/withheld/dicom`.

    Each part is a pseudonym that we made, so no input decides a path.
    """
    return f"{PatientID}/{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm"


class Staging:
    """Keys of one run's staging folder, and of the record `run` that stands for the folder.

    The record is written before the folder and removed after it, so no folder is without one; all
    records lie together, so finding dead runs does not mean listing what they staged.
    """

    def __init__(self, run_id: str) -> None:
        self.root = f"{STAGING}/{run_id}"
        self.run = f"{STAGED_RUNS}/{run_id}.json"
        self.rules = f"{self.root}/rules.yaml"
        self.listing = f"{self.root}/listing.json"
        self.audit = f"{self.root}/audit.json"
        self.dicom = f"{self.root}/dicom"
        self.docs = f"{self.root}/docs"
        self.manifests = f"{self.root}/manifests"
        self.reports = f"{self.root}/reports"

    def manifest(self, batch_id: str) -> str:
        """Key of a batch's list of objects."""
        return f"{self.manifests}/{batch_id}.parquet"

    def report(self, batch_id: str) -> str:
        """Key of a batch's commit record."""
        return f"{self.reports}/{batch_id}.json"

    def part(self, batch_id: str, table: str) -> str:
        """Key of a batch's rows of one table."""
        return f"{self.root}/parts/{batch_id}/{table}.parquet"
