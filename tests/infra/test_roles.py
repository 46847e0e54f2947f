"""The policies of infra/iam on a real gateway: each role does its work as a user who may do no more than they say.

Ceph evaluates them as users' policies do on AWS. What differs (16.2): it asks for the right to delete of the bucket
itself before it takes a request that deletes many, and then of each object; so users get that right besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tasks import layout
from tasks.errors import ConfigurationError
from tasks.maintain import Retention, maintain
from tasks.records import RunReport, Selection
from tasks.reidentify import Vault
from tasks.settings import Settings
from tasks.storage.byte_source import Unreadable, open_source
from tasks.storage.listing import list_objects
from tasks.storage.store import open_store
from tasks.target import stored
from tasks.verify import verify
from tests.builders import KEY_TEXT, ct_instance, part10
from tests.infra.files import policy
from tests.infra.iam import allows
from tests.peers.ceph import Gateway
from tests.plain import PlainRun
from tests.test_replay import end

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

NAMES = {
    "source_bucket": "role-source", "source_prefix": "landing/",
    "target_bucket": "role-target", "target_prefix": "research/",
}  # fmt: skip
TARGET = "s3://role-target/research"
ROLES = ("researcher", "reviewer", "engineer", "data-protection", "pipeline", "maintenance")
BULK = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:DeleteObject"], "Resource": ["arn:aws:s3:::role-target"]}
    ],
}


@dataclass
class Roles:
    """A gateway with a user for each role, and what the pipeline's left in its target."""

    root: Path
    owner: Any
    environments: dict[str, dict[str, str]]
    reports: list[RunReport] = field(default_factory=list)

    @contextmanager
    def acting_as(self, role: str) -> Iterator[pytest.MonkeyPatch]:
        """Let this process be a role's user, as far as the AWS chain tells."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environments[role].items():
                patch.setenv(name, value)
            patch.setenv("DICOMFLOW_KEY", KEY_TEXT)
            patch.setattr("tasks.emit.leave_artifact", lambda _report: None)
            yield patch

    def client(self, role: str) -> Any:
        with self.acting_as(role):
            return boto3.Session().client("s3")

    def run(self, selection: Selection | None = None) -> RunReport:
        """Take a run to its end as the pipeline."""
        options: dict[str, Any] = {"target": TARGET, "identities": True}
        if selection is None:
            options["source"] = "s3://role-source/landing"
        with (
            self.acting_as("pipeline") as patch,
            PlainRun(self.root, patch, options=options, selection=selection) as run,
        ):
            return end(run)


def put(owner: Any, key: str, **values: Any) -> None:
    owner.put_object(Bucket="role-source", Key=f"landing/{key}", Body=part10(ct_instance(**values)))


@pytest.fixture(scope="module")
def roles(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roles]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in gateway.environment.items():
            patch.setenv(name, value)
        owner = boto3.Session().client("s3")
        for bucket in ("role-source", "role-target"):
            owner.create_bucket(Bucket=bucket)
        # In a bucket with versions Ceph 16.2 lets `If-None-Match` pass, so it cannot hold a target.
        owner.put_bucket_versioning(Bucket="role-source", VersioningConfiguration={"Status": "Enabled"})
        users = {role: gateway.add_user(role, policy(role, **NAMES), BULK) for role in ROLES}
        found = Roles(tmp_path_factory.mktemp("roles"), owner, users)
        for study in (1, 2):
            put(owner, f"{study}.dcm", study=study, patient=study)
        owner.put_object(Bucket="role-source", Key="landing/text.txt", Body=b"not DICOM")
        found.reports.append(found.run())
        # What a killed run left: a folder without a record, and a part of an object.
        owner.put_object(Bucket="role-target", Key="research/staging/dead/parts/a", Body=b"")
        owner.create_multipart_upload(Bucket="role-target", Key="research/staging/dead/dicom/b")
        put(owner, "text.txt", study=3, patient=3)
        found.reports.append(found.run(Selection(("NOT_DICOM",))))
        yield found


def test_the_pipeline_cleans_sweeps_verifies_and_replays(roles: Roles) -> None:
    assert [(report.published, report.quarantined) for report in roles.reports] == [(2, 1), (1, 0)]
    assert not roles.owner.list_objects_v2(Bucket="role-target", Prefix="research/staging/").get("Contents")
    assert not roles.owner.list_multipart_uploads(Bucket="role-target").get("Uploads")
    with roles.acting_as("pipeline"):
        found = verify(open_store(TARGET, {}), hashed=True, threads=2, progress=lambda _files, _bytes: None)
        assert (found.files, found.problems) == (3, {})
    with roles.acting_as("pipeline"), pytest.raises(ConfigurationError, match="access denied"):
        list(list_objects("s3://role-source/elsewhere", {}))


def test_maintenance_puts_tables_together_and_sweeps(roles: Roles) -> None:
    with roles.acting_as("maintenance"):
        store = open_store(TARGET, {})
        upkeep = maintain(store, Retention(docs=1))
        assert upkeep.compacted[layout.INSTANCES] > 1
        with pytest.raises(ConfigurationError, match="access denied"):
            store.read(next(store.list(layout.PUBLISHED_DICOM)))


def test_a_researcher_reads_tables_and_files(roles: Roles) -> None:
    with roles.acting_as("researcher"):
        store = open_store(TARGET, {})
        for table in (layout.INSTANCES, layout.SERIES, layout.STUDIES):
            assert stored(store, table).read().num_rows >= 3
        paths = stored(store, layout.INSTANCES).read(["file_path"])["file_path"].to_pylist()
        assert all(store.read(path)[128:132] == b"DICM" for path in paths)
        with pytest.raises(ConfigurationError, match="denied"):
            stored(store, layout.LEDGER).read()


def test_data_protection_reads_what_is_restricted_and_forgets(roles: Roles) -> None:
    with roles.acting_as("data-protection"):
        assert stored(open_store(TARGET, {}), layout.LEDGER).read().num_rows >= 4
        vault = Vault(Settings(target=TARGET, key=KEY_TEXT))
        (patient,) = [one for one in vault.look_up("MRN-4711001") if one.kind == "patient"]
        assert vault.forget(patient.pseudonym).records > 1
        assert vault.forget(patient.pseudonym).records == 0


@pytest.mark.parametrize(("role", "zone"), [("reviewer", "docs"), ("engineer", "lineage")])
def test_who_reads_one_zone_reads_it(roles: Roles, role: str, zone: str) -> None:
    with roles.acting_as(role):
        store = open_store(TARGET, {})
        assert sum(len(store.read(key)) for key in store.list(zone)) > 1000


KEYS = (
    *(f"{layout.INSTANCES}/_delta_log/some.json", f"{layout.PUBLISHED_DICOM}/a/b/c/d.dcm", "docs/some.html"),
    *(
        "lineage/some.ndjson",
        f"{layout.LEDGER}/some.parquet",
        f"{layout.LEASE}/some",
        f"{layout.QUARANTINE}/some",
    ),
    *(f"{layout.IDENTITIES}/some.parquet", "staging/some/identities.parquet", f"{layout.STAGED_RUNS}/some"),
    *(f"{layout.KEPT_LISTING}/some", f"{layout.WITHHELD_DICOM}/a/b/c/d.dcm", "../other/some"),
)


@pytest.fixture
def present(roles: Roles) -> Iterator[list[str]]:
    """Keys of objects that are there: of one that is missing, who may not list learns nothing."""
    names = [f"research/{key}".replace("research/../", "") for key in KEYS]
    for name in names:
        roles.owner.put_object(Bucket="role-target", Key=name, Body=b"1")
    yield names
    for name in names:
        roles.owner.delete_object(Bucket="role-target", Key=name)


@pytest.mark.parametrize("role", ROLES)
def test_the_gateway_permits_what_the_evaluator_permits(roles: Roles, present: list[str], role: str) -> None:
    client, policies = roles.client(role), [policy(role, **NAMES)]
    for name in present:
        at: dict[str, Any] = {"Bucket": "role-target", "Key": name}
        asked = {
            "s3:GetObject": permitted(client.get_object, **at),
            "s3:PutObject": permitted(client.put_object, **at, Body=b"", IfNoneMatch="*"),
            "s3:DeleteObject": permitted(client.delete_object, **{**at, "Key": f"{name}-none"}),
        }
        for action, done in asked.items():
            end = "-none" if action == "s3:DeleteObject" else ""
            resource = f"arn:aws:s3:::role-target/{name}{end}"
            assert done is allows(policies, action, resource), (action, name)
        prefix = name.rpartition("/")[0] + "/"
        done = permitted(client.list_objects_v2, Bucket="role-target", Prefix=prefix)
        assert done is allows(policies, "s3:ListBucket", "arn:aws:s3:::role-target", s3__prefix=prefix)


def permitted(ask: Callable[..., Any], **parameters: Any) -> bool:
    """Tell whether a request was refused for want of a right, and not for what it asked."""
    try:
        ask(**parameters)
    except ClientError as error:
        status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status not in (403, 412):
            raise
        return status != 403
    return True


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("bucket", ["role-source", "role-target"])
def test_nobody_changes_the_source_or_a_bucket(roles: Roles, role: str, bucket: str) -> None:
    client = roles.client(role)
    at, suspended = {"Bucket": bucket}, {"Status": "Suspended"}
    assert not permitted(client.put_object, Bucket="role-source", Key="landing/x", Body=b"")
    assert not permitted(client.delete_object, Bucket="role-source", Key="landing/1.dcm")
    assert not permitted(client.put_bucket_versioning, **at, VersioningConfiguration=suspended)
    assert not permitted(client.put_bucket_acl, **at, ACL="public-read")
    assert not permitted(client.list_object_versions, **at)
    assert not permitted(client.delete_bucket, **at)


def test_who_may_read_no_versions_still_recognises_a_change(gateway: Gateway, roles: Roles) -> None:
    may = policy("pipeline", **NAMES)
    for statement in may["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != "s3:GetObjectVersion"]
    roles.environments["unversioned"] = gateway.add_user("unversioned", may)
    body = bytes(20 << 20)
    roles.owner.put_object(Bucket="role-source", Key="landing/large/a.dcm", Body=body)
    with roles.acting_as("unversioned"):
        (listed,) = list_objects("s3://role-source/landing/large", {})
        with open_source(listed, {}) as source:
            assert source.read(0, 100) == source.read(18 << 20, 100) == bytes(100)
            roles.owner.put_object(Bucket="role-source", Key="landing/large/a.dcm", Body=body + b"1")
            with pytest.raises(Unreadable, match="CHANGED_WHILE_READING"):
                source.read(0, 100)
