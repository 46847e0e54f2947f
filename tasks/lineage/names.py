"""Names of jobs, runs and datasets, by OpenLineage's naming specification.

Lineage is only worth something where two tools give one thing the same name, so a target's table is named as
every other tool would name it: `file` and an absolute path, or `s3://bucket` and a key. The source is the
exception. A folder of a hospital's archive may well be called after a patient, and lineage leaves the house
before anything else does; so a source has a keyed reference for a name, and only the ledger leads back.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid5

from tasks.errors import ConfigurationError, ContractError
from tasks.layout import LINEAGE

if TYPE_CHECKING:
    from openlineage.client.naming.dataset import DatasetNaming

JOB_NAMESPACE = "dicomflow"
RUN_JOB = "clean"
BATCH_JOB = "clean.process"
RELEASE_JOB = "release"
SOURCE_NAMESPACE = "dicomflow://source"

_SOURCE_REF = re.compile(r"[0-9a-f]{32}")


class DatasetName(NamedTuple):
    """A dataset's name, unique within the namespace of its storage."""

    namespace: str
    name: str


def name_source(source_ref: str) -> DatasetName:
    """Name the source by its keyed reference.

    Parameters
    ----------
    source_ref
        Keyed hash of the source's URI, 32 lower-case hex digits.

    Raises
    ------
    ContractError
        If `source_ref` is anything else: a path handed in by mistake would be published.
    """
    if not _SOURCE_REF.fullmatch(source_ref):
        raise ContractError(
            "source_ref is not 32 hex digits: hand in Pseudonyms.source_ref(uri), not the URI"
        )
    return DatasetName(SOURCE_NAMESPACE, source_ref)


def name_target(target: str, key: str) -> DatasetName:
    """Name what lies at `key` below a target: a local folder, `file://…` or `s3://bucket/prefix`.

    Raises
    ------
    ConfigurationError
        If the target is neither.
    """
    naming = _naming(target, key)
    return DatasetName(naming.get_namespace(), naming.get_name())


def _naming(target: str, key: str) -> DatasetNaming:
    # A third of a second to import, and the summary of a run only asks for the name of a file.
    from openlineage.client.naming.dataset import S3, LocalFileSystem

    scheme, separator, _ = target.partition("://")
    if not separator:
        return LocalFileSystem(str(Path(target).resolve() / key))
    location = urlsplit(target)
    if scheme == "file":
        return LocalFileSystem(str(Path(unquote(location.path)).resolve() / key))
    if scheme == "s3" and location.netloc:
        return S3(location.netloc, "/".join(filter(None, (location.path.strip("/"), key))))
    raise ConfigurationError("target must be a folder, file:///folder or s3://bucket/prefix")


def name_batch_run(run_id: str, batch_id: str) -> str:
    """Make a batch's run id out of its run's: a retry has it again, so a receiver sees one run, not two.

    Raises
    ------
    ValueError
        If `run_id` is no UUID.
    """
    return str(uuid5(UUID(run_id), batch_id))


def name_events_file(run_id: str) -> str:
    """Give the key, below the target, of the file that holds a run's events."""
    return f"{LINEAGE}/{UUID(run_id)}.ndjson"
