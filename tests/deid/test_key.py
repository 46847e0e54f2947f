from __future__ import annotations

import base64
import copy
import os
import pickle
from pathlib import Path

import pytest

from tasks.deid.key import Key, generate_key_text, load_key
from tasks.errors import ConfigurationError

ROOT = bytes(range(40, 72))


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "key"
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    "text",
    [
        ROOT.hex(),
        ROOT.hex().upper(),
        f"  {ROOT.hex()}\n",
        base64.b64encode(ROOT).decode(),
        base64.urlsafe_b64encode(ROOT).decode(),
    ],
)
def test_one_key_has_many_spellings(text: str) -> None:
    assert load_key(text=text).check_value == Key(ROOT).check_value


def test_a_file_holds_a_key(tmp_path: Path) -> None:
    assert load_key(file=key_file(tmp_path, ROOT.hex() + "\n")).check_value == Key(ROOT).check_value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        ROOT[:31].hex(),
        (ROOT + b"\0").hex(),
        "not a key at all",
        base64.b64encode(ROOT[:16]).decode(),
        "00" * 32,
        "ff" * 32,
        "deadbeef" * 8,
        ("0123456789abcdef" * 2) * 2,
    ],
)
def test_what_is_no_key_or_can_be_guessed_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="dicomflow keygen") as refused:
        load_key(text=text)
    shown = f"{refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!r}"
    assert not text.strip() or text.strip() not in shown


def test_no_key_is_no_key() -> None:
    with pytest.raises(ConfigurationError, match="no key"):
        load_key()


def test_two_keys_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Give one"):
        load_key(text=ROOT.hex(), file=key_file(tmp_path, ROOT.hex()))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o777])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_key(file=key_file(tmp_path, ROOT.hex(), mode))


def test_a_missing_key_file_is_an_error_of_the_operator(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        load_key(file=tmp_path / "nowhere")


def test_a_pipe_is_no_key_file_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigurationError, match="not a file"):
        load_key(file=tmp_path / "pipe")


def test_a_key_does_not_travel() -> None:
    key = Key(ROOT)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            attempt(key)


def test_a_key_shows_nothing_of_itself() -> None:
    key = Key(ROOT)
    shown = repr(key) + str(key) + f"{key}"
    assert ROOT.hex() not in shown
    assert key.check_value not in shown


def test_subkeys_of_two_purposes_are_unrelated_to_each_other_and_to_the_root() -> None:
    key = Key(ROOT)
    assert len({key.subkey("uid"), key.subkey("patient"), ROOT}) == 3
    assert key.subkey("uid") == Key(ROOT).subkey("uid")
    assert len(key.subkey("uid")) == 32


def test_the_check_value_tells_keys_apart_and_is_no_subkey_of_use() -> None:
    assert Key(ROOT).check_value != Key(bytes(reversed(ROOT))).check_value
    assert len(Key(ROOT).check_value) == 32


def test_generated_keys_load_and_differ() -> None:
    first, second = generate_key_text(), generate_key_text()
    assert load_key(text=first).check_value != load_key(text=second).check_value
