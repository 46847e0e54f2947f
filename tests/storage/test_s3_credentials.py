from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator

import pytest

from tasks.errors import ConfigurationError, ContractError
from tasks.storage import s3_credentials
from tasks.storage.delta_options import make_delta_options
from tasks.storage.s3_credentials import credentials_of, read_blocks_with
from tasks.storage.s3_options import make_filesystem_arguments, parse_options

GOOD = {"aws_access_key_id": "an-id", "aws_secret_access_key": "CANARY"}


@pytest.fixture
def block(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Give a block a text, for as long as the test lasts."""
    monkeypatch.setattr(s3_credentials._Reader, "read", None)
    credentials_of.cache_clear()
    yield lambda text: read_blocks_with(lambda _name: text)
    credentials_of.cache_clear()


@pytest.mark.parametrize("token", [None, "a-token"])
def test_both_clients_get_the_credentials_of_a_block(block: Callable[[str], None], token: str | None) -> None:
    block(json.dumps({**GOOD, "aws_session_token": token} if token else GOOD))
    options = parse_options({"credentials_block": "s3", "region": "us-east-1"})
    arguments = make_filesystem_arguments(options)
    assert (arguments["key"], arguments["secret"], arguments["token"]) == ("an-id", "CANARY", token)
    delta = make_delta_options("bucket", options)
    assert (delta["AWS_SECRET_ACCESS_KEY"], delta.get("AWS_SESSION_TOKEN")) == ("CANARY", token)
    assert "CANARY" not in f"{options!r} {delta!r} {credentials_of('s3')!r}"
    with pytest.raises(ContractError):
        pickle.dumps(credentials_of("s3"))


@pytest.mark.parametrize("text", [
    "CANARY", '"CANARY"', '["CANARY"]', "{}", '{"aws_access_key_id": "CANARY"}',
    json.dumps({**GOOD, "aws_access_key_id": ""}), json.dumps({**GOOD, "aws_session_token": 1}),
])  # fmt: skip
def test_a_block_of_something_else_is_refused_without_a_word_of_it(
    block: Callable[[str], None], text: str
) -> None:
    block(text)
    with pytest.raises(ConfigurationError, match="JSON object with aws_access_key_id") as caught:
        credentials_of("s3")
    assert "CANARY" not in str(caught.value)
    assert caught.value.__context__ is None
