from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.dicom.buffer import Buffer
from tasks.dicom.careful import read_carefully
from tasks.dicom.element import Header
from tasks.dicom.encode import encode_meta
from tasks.dicom.reader import EXPLICIT_BIG_ENDIAN
from tasks.errors import ConfigurationError, TransientError
from tasks.records import Reject
from tasks.sandbox import wire
from tasks.sandbox.limits import SandboxLimits
from tasks.sandbox.parser import Parser
from tests.builders import KEY_TEXT, buffer, ct_instance, part10
from tests.corpus import bundled_files, hostile_cases
from tests.sandbox.sources import Sparse, deflated_zeros, implicit_study_date

GIB = 1 << 30


@pytest.fixture(name="parser", scope="module")
def make_parser() -> Iterator[Parser]:
    parser = Parser()
    yield parser
    parser.close()


def assert_same(ours: Header | Reject, theirs: Header | Reject) -> None:
    if isinstance(ours, Reject) or isinstance(theirs, Reject):
        assert ours == theirs
        return
    assert replace(ours, payload=None) == replace(theirs, payload=None)
    assert (ours.payload is None) == (theirs.payload is None)
    if ours.payload is not None and theirs.payload is not None:
        for name in ("tag", "VR", "length", "encapsulated"):
            assert getattr(ours.payload, name) == getattr(theirs.payload, name)
        assert ours.payload.source.read(
            ours.payload.offset, ours.payload.length
        ) == theirs.payload.source.read(theirs.payload.offset, theirs.payload.length)


def test_the_child_reads_what_this_process_would(parser: Parser) -> None:
    paths = [*bundled_files()[::6], *(path for path, _ in hostile_cases())]
    for number, path in enumerate(paths):
        source, pixels = Buffer(path.read_bytes()), bool(number % 3)
        assert_same(parser(source, pixels=pixels), read_carefully(source, pixels=pixels))


def test_one_child_serves_many_objects(parser: Parser) -> None:
    parser(buffer(ct_instance()), pixels=True)
    first = parser.pid
    for instance in range(20):
        assert isinstance(parser(buffer(ct_instance(instance=instance)), pixels=True), Header)
    assert parser.pid == first


def test_the_child_is_given_no_key_and_nothing_else_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DICOMFLOW_KEY", KEY_TEXT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not a real one")
    parser = Parser()
    parser(buffer(ct_instance()), pixels=False)
    environment = psutil.Process(parser.pid).environ()
    parser.close()
    assert set(environment) <= {
        "PATH",
        "PYTHONPATH",
        "PYTHONHOME",
        "LD_LIBRARY_PATH",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_child_can_open_nothing_and_leaves_no_core() -> None:
    parser = Parser()
    parser(buffer(ct_instance()), pixels=False)
    limits = {
        line[:25].strip(): line[26:].split()[:2]
        for line in Path(f"/proc/{parser.pid}/limits").read_text().splitlines()[1:]
    }
    status = Path(f"/proc/{parser.pid}/status").read_text()
    parser.close()
    assert limits["Max open files"] == ["3", "3"]
    assert limits["Max core file size"] == limits["Max file size"] == limits["Max processes"] == ["0", "0"]
    assert limits["Max address space"] == [str(GIB), str(GIB)]
    assert "NoNewPrivs:\t1" in status


def test_an_object_that_grows_beyond_memory_costs_itself_alone() -> None:
    """The retired big-endian syntax is undone in memory, so a file of 8 GiB, all hole, would take all there is."""
    head = encode_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", EXPLICIT_BIG_ENDIAN)
    huge = Sparse(head + b"\x00\x08\x00\x60CS\x00\x02CT" + b"\x7f\xe0\x00\x10OW\0\0\xff\xff\xff\xf0", 8 * GIB)
    parser = Parser(sandbox=SandboxLimits(memory_bytes=GIB // 4))
    assert parser(huge, pixels=True) == Reject("PARSER_MEMORY")
    assert isinstance(parser(buffer(ct_instance()), pixels=True), Header)
    parser.close()


def test_very_many_tiny_elements_are_refused_before_they_fill_the_memory(parser: Parser) -> None:
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * 600_000
    sequence = b"\x08\x00\x40\x11SQ\0\0" + len(items).to_bytes(4, "little") + items
    assert parser(Buffer(implicit_study_date() + sequence), pixels=True) == Reject("PARSER_MEMORY")


def test_an_object_that_takes_too_long_costs_itself_alone() -> None:
    parser = Parser(sandbox=SandboxLimits(wall_seconds=0.2))
    small = buffer(ct_instance())
    assert isinstance(parser(small, pixels=True), Header)
    assert parser(deflated_zeros(200 << 20), pixels=True) == Reject("PARSER_TIMEOUT")
    assert parser.pid is None
    assert isinstance(parser(small, pixels=True), Header)
    parser.close()


class Killing(Buffer):
    """Does to the child what a fault in native code does, as soon as it asks for more than the first bytes."""

    __slots__ = ("parser", "signal")

    def read(self, offset: int, length: int) -> bytes:
        if offset:
            os.kill(self.parser.pid, self.signal)
        return super().read(offset, length)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGSEGV, "PARSER_CRASH"),
        (signal.SIGABRT, "PARSER_CRASH"),
        (signal.SIGXCPU, "PARSER_TIMEOUT"),
        (signal.SIGKILL, "PARSER_MEMORY"),
    ],
)
def test_an_object_that_kills_the_child_costs_itself_alone(number: int, code: str) -> None:
    parser = Parser()
    source = Killing(part10(ct_instance(PixelData=bytes(200_000))) + bytes(64))
    object.__setattr__(source, "parser", parser)
    object.__setattr__(source, "signal", number)
    assert parser(source, pixels=True) == Reject(code)
    assert isinstance(parser(buffer(ct_instance()), pixels=True), Header)
    parser.close()


def test_a_child_that_died_between_objects_costs_none(parser: Parser) -> None:
    parser(buffer(ct_instance()), pixels=True)
    os.kill(parser.pid or 0, signal.SIGKILL)
    time.sleep(0.05)
    assert isinstance(parser(buffer(ct_instance()), pixels=True), Header)


def test_a_source_that_fails_is_no_fault_of_the_parser(parser: Parser) -> None:
    class Failing(Buffer):
        def read(self, offset: int, length: int) -> bytes:
            if offset:
                raise TransientError("the disk does not answer")
            return super().read(offset, length)

    with pytest.raises(TransientError):
        parser(Failing(part10(ct_instance(PixelData=bytes(200_000))) + bytes(64)), pixels=True)
    assert isinstance(parser(buffer(ct_instance()), pixels=True), Header)


def test_a_child_that_cannot_start_is_a_fault_of_the_world() -> None:
    with pytest.raises(ConfigurationError, match="does not start"):
        Parser(sandbox=SandboxLimits(plugins=("no_such_module",)))(buffer(ct_instance()), pixels=True)


WORKER = """
import sys, time
from tasks.sandbox.parser import Parser
from tests.builders import buffer, ct_instance
parser = Parser()
parser(buffer(ct_instance()), pixels=True)
print(parser.pid, flush=True)
time.sleep(60)
"""


def test_the_child_dies_with_its_worker() -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    child = psutil.Process(int(worker.stdout.readline()))
    worker.kill()
    worker.wait()
    worker.stdout.close()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@given(st.binary(max_size=200))
def test_whatever_a_child_sends_is_an_answer_or_refused(body: bytes) -> None:
    for unpack in (wire.unpack_answer, wire.unpack_reject):
        try:
            unpack(body)
        except wire.Untrue:
            continue


@pytest.mark.parametrize(
    "parts",
    [
        ([], [(0x00100010, "PN", "text")], "1.2.840.10008.1.2.1", (), None),
        ([], [(0x00100010, "ZZ", b"")], "1.2.840.10008.1.2.1", (), None),
        ([], [(0x00100020, "LO", b""), (0x00100010, "PN", b"")], "1.2.840.10008.1.2.1", (), None),
        ([], [], "1.2.3", (), None),
        ([], [], "1.2.840.10008.1.2.1", (("structure", "Doerfler^Janette", "OUT_OF_ORDER"),), None),
        ([], [], "1.2.840.10008.1.2.1", (("structure", "", "NO_SUCH_CODE"),), None),
        ([], [], "1.2.840.10008.1.2.1", (), (0x7FE00010, "OW", -1, 2, False, False)),
        ([], [], "1.2.840.10008.1.2.1", (), (0x00100010, "OW", 1, 2, False, False)),
    ],
)
def test_an_answer_of_another_shape_is_refused(parts: tuple[object, ...]) -> None:
    with pytest.raises(wire.Untrue):
        wire.unpack_answer(wire.pack(*parts))


def test_a_frame_longer_than_agreed_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send(theirs, wire.REJECT, bytes(100))
        with pytest.raises(wire.Untrue):
            wire.receive(ours, 99)
