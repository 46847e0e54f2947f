"""Who may do what in a target: each role's policy against each zone, what it allows and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from tasks import layout
from tasks.target import CONTRACTS
from tests.infra.files import policy
from tests.infra.iam import allows, denies

SOURCE, TARGET = "arn:aws:s3:::source", "arn:aws:s3:::target"
NAMES = {
    "source_bucket": "source",
    "source_prefix": "landing/",
    "target_bucket": "target",
    "target_prefix": "research/",
}
KEY = "arn:aws:kms:eu-central-1:000000000000:key/one"

ZONES = ("published", "docs", "lineage", "restricted", "staging")
"""Every zone of the layout, and with them every key that the pipeline writes."""

READS = {
    "researcher": {"published"},
    "reviewer": {"docs"},
    "engineer": {"lineage"},
    "data-protection": {"restricted", "docs"},
    "pipeline": set(ZONES),
    "maintenance": {"published", "docs", "restricted", "staging"},
}
READERS = ("researcher", "reviewer", "engineer", "data-protection")

SAMPLES = {
    "published": f"{layout.INSTANCES}/_delta_log/00000000000000000000.json",
    "docs": "docs/index.html",
    "lineage": "lineage/01a200a8.ndjson",
    "restricted": f"{layout.LEDGER}/part-0.parquet",
    "staging": f"{layout.STAGING}/01a200a8/listing.json",
}

WRITES = (
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
)
ADMINISTRATION = (
    "s3:PutBucketPolicy",
    "s3:DeleteBucket",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
    "s3:PutEncryptionConfiguration",
    "s3:BypassGovernanceRetention",
)


def of(role: str) -> list[dict[str, Any]]:
    return [policy(role, **NAMES)]


def target(key: str) -> str:
    return f"{TARGET}/research/{key}"


def test_the_zones_are_those_of_the_layout() -> None:
    places = [value for name, value in vars(layout).items() if name.isupper()]
    assert {place.split("/")[0] for place in places} == set(ZONES)


@pytest.mark.parametrize("role", READS)
@pytest.mark.parametrize("zone", ZONES)
def test_a_role_reads_its_own_zones_and_no_other(role: str, zone: str) -> None:
    expected = zone in READS[role]
    assert allows(of(role), "s3:GetObject", target(SAMPLES[zone])) is expected


@pytest.mark.parametrize("role", ["researcher", "reviewer", "engineer"])
@pytest.mark.parametrize("zone", ZONES)
def test_a_reader_lists_its_own_zones_and_no_other(role: str, zone: str) -> None:
    listed = allows(of(role), "s3:ListBucket", TARGET, s3__prefix=f"research/{zone}/")
    assert listed is (zone in READS[role])


@pytest.mark.parametrize("role", ["data-protection", "pipeline", "maintenance"])
def test_who_holds_a_target_may_list_it(role: str) -> None:
    # Without that right S3 answers "forbidden" where it means "missing", and a lease looks for what is missing.
    assert allows(of(role), "s3:ListBucket", TARGET)


@pytest.mark.parametrize("role", ["pipeline", "maintenance"])
def test_who_sweeps_may_list_uploads_without_a_condition_that_no_request_meets(role: str) -> None:
    assert allows(of(role), "s3:ListBucketMultipartUploads", TARGET)


@pytest.mark.parametrize("role", ["researcher", "reviewer", "engineer"])
@pytest.mark.parametrize("prefix", ["", "research/", "research/published", "other/published/"])
def test_a_reader_lists_no_more_than_a_zone(role: str, prefix: str) -> None:
    assert not allows(of(role), "s3:ListBucket", TARGET, s3__prefix=prefix)
    assert not allows(of(role), "s3:ListBucket", TARGET)


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("action", WRITES)
def test_a_reader_changes_nothing(role: str, zone: str, action: str) -> None:
    assert not allows(of(role), action, target(SAMPLES[zone]))


@pytest.mark.parametrize("role", READS)
@pytest.mark.parametrize("action", ADMINISTRATION)
def test_nobody_administers_a_bucket(role: str, action: str) -> None:
    for bucket in (SOURCE, TARGET):
        assert not allows(of(role), action, bucket)
        assert not allows(of(role), action, f"{bucket}/research/published/a")


@pytest.mark.parametrize("role", [*READERS, "maintenance"])
def test_only_the_pipeline_reads_the_source(role: str) -> None:
    assert not allows(of(role), "s3:GetObject", f"{SOURCE}/landing/a.dcm")
    assert not allows(of(role), "s3:ListBucket", SOURCE, s3__prefix="landing/")


def test_the_pipeline_reads_its_part_of_the_source_and_changes_nothing_there() -> None:
    assert allows(of("pipeline"), "s3:GetObject", f"{SOURCE}/landing/a/b.dcm")
    assert allows(of("pipeline"), "s3:ListBucket", SOURCE, s3__prefix="landing/")
    assert not allows(of("pipeline"), "s3:GetObject", f"{SOURCE}/elsewhere/b.dcm")
    assert not allows(of("pipeline"), "s3:ListBucket", SOURCE, s3__prefix="elsewhere/")
    assert not allows(of("pipeline"), "s3:ListBucket", SOURCE, s3__prefix="")
    for action in WRITES:
        assert not allows(of("pipeline"), action, f"{SOURCE}/landing/a/b.dcm")


@pytest.mark.parametrize("key", [*SAMPLES.values(), layout.KEY_CHECK, f"{layout.QUARANTINE}/r.ndjson"])
def test_the_pipeline_writes_wherever_a_run_does(key: str) -> None:
    assert allows(of("pipeline"), "s3:PutObject", target(key))
    assert allows(of("pipeline"), "s3:AbortMultipartUpload", target(key))
    # A name that is taken is told from one that is missing by HEAD, which needs the right to list.
    assert allows(of("pipeline"), "s3:ListBucket", TARGET)


def test_the_pipeline_deletes_what_it_staged_and_cleans_up_logs_and_nothing_else() -> None:
    staged = f"{layout.STAGING}/01a200a8/dicom/a/b/c/d.dcm"
    for key in (
        staged,
        f"{layout.STAGED_RUNS}/01a200a8.json",
        f"{layout.LEASE}/0000000001.json",
        f"{layout.WITHHELD_DICOM}/a/b/c/d.dcm",  # released by a replay
    ):
        assert allows(of("pipeline"), "s3:DeleteObject", target(key))
    assert allows(of("pipeline"), "s3:DeleteObject", target(f"{layout.LEDGER}/_delta_log/00.json"))
    for key in (
        f"{layout.PUBLISHED_DICOM}/a/b/c/d.dcm",
        f"{layout.INSTANCES}/part-0.parquet",
        f"{layout.LEDGER}/part-0.parquet",
        layout.KEY_CHECK,
        "docs/index.html",
        "lineage/01a200a8.ndjson",
    ):
        assert not allows(of("pipeline"), "s3:DeleteObject", target(key))


@pytest.mark.parametrize("role", READS)
def test_nobody_destroys_versions_or_leaves_the_target(role: str) -> None:
    for key in SAMPLES.values():
        assert not allows(of(role), "s3:DeleteObjectVersion", target(key))
        assert not allows(of(role), "s3:GetObject", f"{TARGET}/other/{key}")
        assert not allows(of(role), "s3:PutObject", f"{TARGET}/other/{key}")


def test_maintenance_removes_files_of_tables_staging_and_docs_but_no_instance() -> None:
    for key in (f"{layout.INSTANCES}/part-0.parquet", "docs/runs/r/index.html", "staging/r/rules.yaml"):
        assert allows(of("maintenance"), "s3:DeleteObject", target(key))
    for key in (f"{layout.PUBLISHED_DICOM}/a/b/c/d.dcm", layout.KEY_CHECK, f"{layout.QUARANTINE}/r.ndjson"):
        assert not allows(of("maintenance"), "s3:DeleteObject", target(key))


def test_data_protection_forgets_a_patient_and_changes_nothing_else() -> None:
    role = of("data-protection")
    for key in (f"{layout.IDENTITIES}/a.parquet", f"{layout.LEASE}/0000000001.claim"):
        assert allows(role, "s3:PutObject", target(key))
        assert allows(role, "s3:DeleteObject", target(key))
    staged = target("staging/01a200a8/parts/b/identities.parquet")
    assert allows(role, "s3:GetObject", staged)
    assert allows(role, "s3:PutObject", staged)
    assert not allows(role, "s3:DeleteObject", staged)
    for key in (
        layout.KEY_CHECK,
        f"{layout.AUDIT}/part-0.parquet",
        f"{layout.ATTEMPTS}/a",
        f"{layout.RELEASES}/a",
    ):
        assert allows(role, "s3:GetObject", target(key))
        assert not allows(role, "s3:PutObject", target(key))
        assert not allows(role, "s3:DeleteObject", target(key))


@pytest.mark.parametrize("table", CONTRACTS)
def test_every_table_is_kept_small_by_maintenance_and_its_log_by_the_pipeline(table: str) -> None:
    assert allows(of("maintenance"), "s3:DeleteObject", target(f"{table}/part-0.parquet"))
    assert allows(of("pipeline"), "s3:DeleteObject", target(f"{table}/_delta_log/00.json"))


def test_maintenance_holds_the_target_and_sweeps_what_dead_runs_left() -> None:
    for key in (f"{layout.LEASE}/0000000001.claim", f"{layout.STAGED_RUNS}/r.json", "staging/r/rules.yaml"):
        assert allows(of("maintenance"), "s3:GetObject", target(key))
        assert allows(of("maintenance"), "s3:PutObject", target(key))
        assert allows(of("maintenance"), "s3:DeleteObject", target(key))


def test_the_pipeline_may_verify_and_replay() -> None:
    for key in (f"{layout.PUBLISHED_DICOM}/a/b/c/d.dcm", f"{layout.LEDGER}/part-0.parquet", SAMPLES["docs"]):
        assert allows(of("pipeline"), "s3:GetObject", target(key))


def test_a_key_is_used_through_s3_only_and_readers_do_not_encrypt() -> None:
    read, write = (policy(name, key_arn=KEY, region="eu-central-1") for name in ("kms-read", "kms-write"))
    through_s3 = {"kms__viaservice": "s3.eu-central-1.amazonaws.com"}
    assert allows([read], "kms:Decrypt", KEY, **through_s3)
    assert not allows([read], "kms:GenerateDataKey", KEY, **through_s3)
    assert allows([write], "kms:GenerateDataKey", KEY, **through_s3)
    for each in (read, write):
        assert not allows([each], "kms:Decrypt", KEY)
        assert not allows([each], "kms:Decrypt", KEY[:-3] + "two", **through_s3)
        assert not allows([each], "kms:ScheduleKeyDeletion", KEY, **through_s3)


def test_a_bucket_refuses_plain_http_and_foreign_encryption() -> None:
    bucket = policy("bucket", bucket="target", key_arn=KEY)
    put, secure = ("s3:PutObject", f"{TARGET}/a"), {"aws__securetransport": "true"}
    assert not denies(bucket, *put, **secure)  # the bucket's own default encrypts it
    assert denies(bucket, *put, aws__securetransport="false")
    assert denies(bucket, "s3:GetObject", f"{TARGET}/a", aws__securetransport="false")
    assert denies(bucket, *put, **secure, s3__x_amz_server_side_encryption="AES256")
    ours = {"s3__x_amz_server_side_encryption": "aws:kms"}
    assert not denies(bucket, *put, **secure, **ours)
    assert not denies(bucket, *put, **secure, **ours, s3__x_amz_server_side_encryption_aws_kms_key_id=KEY)
    assert denies(bucket, *put, **secure, **ours, s3__x_amz_server_side_encryption_aws_kms_key_id="other")
