"""Where things lie below a target: the one place that spells a path.

published/dicom/<PatientID>/<StudyInstanceUID>/<SeriesInstanceUID>/<SOPInstanceUID>.dcm
published/{instances,series,studies}/      Delta tables
docs/  docs/runs/<run_id>/                 for reviewers
lineage/<run_id>.ndjson                    OpenLineage events
restricted/{ledger,audit,changes,changed}/ Delta tables
restricted/identities/                     sealed, where a run is to keep them
restricted/{withheld,quarantine}/          what did not pass; of withheld studies files and rows
restricted/quality/                        Delta table: what each run measured
restricted/vocabulary.json                 words of the data that a run has met
restricted/releases/                       who released what and why
restricted/{lease,runs}/                   who holds the target, and how each attempt at a run ended
restricted/staging/<run_id>/               what is staged and names the source; gone after the run
staging/<run_id>/                          all else that is staged; gone after the run
"""

from __future__ import annotations

PUBLISHED = "published"
RESTRICTED = "restricted"
PUBLISHED_DICOM = "published/dicom"
INSTANCES = "published/instances"
SERIES = "published/series"
STUDIES = "published/studies"
LEDGER = "restricted/ledger"
AUDIT = "restricted/audit"
CHANGES = "restricted/changes"
CHANGED = "restricted/changed"
IDENTITIES = "restricted/identities"
WITHHELD_DICOM = "restricted/withheld/dicom"
WITHHELD_INSTANCES = "restricted/withheld/instances"
QUARANTINE = "restricted/quarantine"
QUALITY = "restricted/quality"
KNOWN_WORDS = "restricted/vocabulary.json"
RELEASES = "restricted/releases"
KEY_CHECK = "restricted/key_check.json"
LOCK = "restricted/lock"
DOCS = "docs"
RUNS = "docs/runs"
LINEAGE = "lineage"
LEASE = "restricted/lease"
ATTEMPTS = "restricted/runs"
STAGING = "staging"
NAMING_STAGING = "restricted/staging"
"""Staged lists of source objects: their names may be patients', so not even a staging folder holds them."""
STAGED_RUNS = "restricted/staging/runs"
KEPT_LISTING = "restricted/staging/listing"
"""How far a long listing of a bucket came, so that it goes on there; of a run that has no record yet."""


def instance_path(PatientID: str, StudyInstanceUID: str, SeriesInstanceUID: str, SOPInstanceUID: str) -> str:
    """Give an instance's path below `published/dicom`, `staging/<run_id>/dicom` or `restricted/withheld/dicom`.

    Each part is a pseudonym that we made, so no input decides a path.
    """
    return f"{PatientID}/{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm"


class Staging:
    """Keys of one run's staging folders, and of the record `run` that stands for them.

    The record is written before anything is committed to the folders and removed before them, so a folder
    without one is worthless; all records lie together, so finding dead runs does not mean listing what they
    staged. Whatever names an object of the source is staged below `naming`, in the restricted part.
    """

    def __init__(self, run_id: str) -> None:
        self.root = f"{STAGING}/{run_id}"
        self.naming = f"{NAMING_STAGING}/{run_id}"
        self.run = f"{STAGED_RUNS}/{run_id}.json"
        self.rules = f"{self.root}/rules.yaml"
        self.listing = f"{self.root}/listing.json"
        self.audit = f"{self.root}/audit.json"
        self.quality = f"{self.root}/quality.parquet"
        self.words = f"{self.root}/vocabulary.json"
        self.dicom = f"{self.root}/dicom"
        self.docs = f"{self.root}/docs"
        self.manifests = f"{self.naming}/manifests"
        self.scratch = f"{self.naming}/scratch"
        self.reports = f"{self.root}/reports"

    def manifest(self, batch_id: str) -> str:
        """Key of a batch's list of objects."""
        return f"{self.manifests}/{batch_id}.parquet"

    def report(self, batch_id: str) -> str:
        """Key of a batch's commit record."""
        return f"{self.reports}/{batch_id}.json"

    def part(self, batch_id: str, table: str) -> str:
        """Key of a batch's rows of one table."""
        folder = self.naming if table in {"staged", "decided"} else self.root  # these have source URIs
        return f"{folder}/parts/{batch_id}/{table}.parquet"

    def look(self, batch_id: str) -> str:
        """Key of what was seen of a batch's elements."""
        return f"{self.root}/parts/{batch_id}/sensitivity.json"
