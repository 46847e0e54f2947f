from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from tasks.errors import ConfigurationError, ContractError
from tasks.storage.s3_options import choose_checksum, make_filesystem_arguments, parse_options
from tasks.storage.store import Store, open_store


@pytest.mark.parametrize("name", ["key", "secret", "token", "aws_secret_access_key", "profil"])
def test_a_credential_or_a_misspelt_option_is_refused_without_its_value(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        parse_options({name: "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "options", [{"attempts": 0}, {"addressing_style": "odd"}, {"read_timeout_seconds": 0}]
)
def test_an_impossible_value_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        open_store("s3://bucket", options)


def test_an_option_that_is_none_is_absent() -> None:
    assert parse_options({"endpoint_url": None, "attempts": None}) == parse_options({})


@pytest.mark.parametrize(("options", "checksum"), [
    ({}, "when_supported"),
    ({"endpoint_url": "https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com"}, "when_supported"),
    ({"endpoint_url": "https://s3.cn-north-1.amazonaws.com.cn"}, "when_supported"),
    ({"endpoint_url": "https://rgw.hospital.example"}, "when_required"),
    ({"endpoint_url": "https://amazonaws.com.example"}, "when_required"),
    ({"endpoint_url": "https://rgw.hospital.example", "checksum": "when_supported"}, "when_supported"),
])  # fmt: skip
def test_crcs_are_for_aws_unless_asked_for(
    options: dict[str, object], checksum: str, credentials: None
) -> None:
    assert choose_checksum(parse_options(options)) == checksum


def test_an_endpoint_of_the_environment_counts(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://general.example")
    assert open_store("s3://bucket", {}).delta_options() is not None
    assert open_store("s3://bucket", {}).delta_options()["AWS_ENDPOINT_URL"] == "http://general.example"  # type: ignore[index]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.example")
    assert open_store("s3://bucket", {}).delta_options()["AWS_ENDPOINT_URL"] == "http://s3.example"  # type: ignore[index]
    assert choose_checksum(parse_options({})) == "when_required"


def test_no_credential_is_among_the_arguments_that_travel(credentials: None) -> None:
    store = open_store("s3://bucket/a", {"profile": "hospital", "region": "eu-west-1"})
    assert b"a-secret-key" not in pickle.dumps(store)
    assert "a-secret-key" not in repr(store)
    assert not {"key", "secret", "token"} & set(make_filesystem_arguments(parse_options({"profile": "p"})))


def test_delta_options_show_and_send_no_value(s3_store: Store) -> None:
    options = s3_store.delta_options()
    assert options is not None
    assert options["AWS_SECRET_ACCESS_KEY"] == "a-secret-key"
    assert "a-secret-key" not in f"{options}{options!r}"
    with pytest.raises(ContractError):
        pickle.dumps(options)


def test_delta_options_follow_the_profile(
    credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(
        "[profile hospital]\nregion = eu-west-1\nendpoint_url = http://rgw.example\n"
        "aws_access_key_id = profile-key\naws_secret_access_key = profile-secret\naws_session_token = t\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert open_store("s3://bucket", {"profile": "hospital"}).delta_options() == {
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://rgw.example",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "profile-key",
        "AWS_SECRET_ACCESS_KEY": "profile-secret",
        "AWS_SESSION_TOKEN": "t",
    }


def test_a_profile_that_is_not_there_is_told(credentials: None) -> None:
    with pytest.raises(ConfigurationError, match=r"ProfileNotFound.*check the credentials"):
        open_store("s3://bucket", {"profile": "not-there"}).delta_options()


@pytest.mark.parametrize(("options", "expected"), [
    ({"anon": True}, {"AWS_SKIP_SIGNATURE": "true"}),
    ({"anon": True, "requester_pays": True}, {"AWS_SKIP_SIGNATURE": "true", "AWS_REQUEST_PAYER": "true"}),
    (
        {"anon": True, "sse_kms_key_id": "k"},
        {"AWS_SKIP_SIGNATURE": "true", "AWS_SERVER_SIDE_ENCRYPTION": "aws:kms", "AWS_SSE_KMS_KEY_ID": "k"},
    ),
    (
        {"anon": True, "addressing_style": "virtual", "endpoint_url": "https://s3.example:9000"},
        {
            "AWS_SKIP_SIGNATURE": "true",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
            "AWS_ENDPOINT_URL": "https://bucket.s3.example:9000",
        },
    ),
])  # fmt: skip
def test_delta_options_say_what_s3fs_is_told(
    credentials: None, options: dict[str, object], expected: dict[str, str]
) -> None:
    assert open_store("s3://bucket", options).delta_options() == {"AWS_REGION": "us-east-1", **expected}


def test_a_table_is_written_where_the_store_says(store: Store) -> None:
    uri, options = store.delta_uri("restricted/ledger"), store.delta_options()
    write_deltalake(uri, pa.table({"a": [1, 2]}), storage_options=options)
    write_deltalake(uri, pa.table({"a": [3]}), storage_options=options, mode="append")
    table: Any = DeltaTable(uri, storage_options=options)
    assert sorted(table.to_pyarrow_table()["a"].to_pylist()) == [1, 2, 3]
    assert [key for key in store.list("restricted/ledger") if key.endswith("0.json")]
