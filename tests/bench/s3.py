"""Headers from S3 beside the naive way, on the same server in the same run.

The server is Ceph's object gateway where it is installed, on loopback: a request takes a millisecond there, and
over a real network twenty, which is no help to whoever waits for one object after the other. Elsewhere it is moto,
a mock that itself takes most of the time, and the figures say so.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
import s3fs
from moto.server import ThreadedMotoServer

from tasks.records import BatchReport, SourceObject
from tasks.storage.listing import list_objects
from tests.bench.corpus import Kind, Recipe, make_corpus
from tests.bench.figures import Figure, Goal, Sample
from tests.bench.flow import Say
from tests.bench.ours import Refused
from tests.bench.steps import plan_run, process_corpus
from tests.peers.ceph import ceph_gateway, s3_environment

NAIVE = "s3fs open().read()"
_BUCKET = "bench"
_FEW = 20
_OBJECTS = Goal(times=4)
_BYTES = Goal(most=5)


def measure_s3(count: int, *, seed: int, repeat: int, scratch: Path, say: Say) -> Iterator[Figure]:
    """Take the headers of slices out of a bucket, in turns with somebody who reads them whole."""
    corpus = make_corpus(Recipe(Kind.SLICE, count, seed), scratch)
    with _server() as name:
        client = boto3.Session().client("s3")
        client.create_bucket(Bucket=_BUCKET)
        for path in corpus.paths():
            client.upload_file(str(path), _BUCKET, f"raw/{path.relative_to(corpus.folder)}")
        objects = sorted(list_objects(f"s3://{_BUCKET}/raw", {}), key=lambda one: one.uri)
        _take_headers(objects[:_FEW], scratch)
        ours, reports, naive = [], [], []
        for number in range(repeat):
            say(f"headers from S3, {count:,} slices: run {number + 1} of {repeat}")
            report, seconds = _take_headers(objects, scratch)
            reports.append(report)
            ours.append(count / seconds)
            naive.append(count / _read_whole(objects))
        work, files = f"headers from S3, {name}", f"{Kind.SLICE}, {count:,} objects"
        shares = [100 * one.bytes_read / one.bytes_in_source for one in reports]
        requests = [one.requests / count for one in reports]
        yield Figure(work, files, "", "objects/s", Sample.of(ours), Sample.of(naive), NAIVE, _OBJECTS)
        yield Figure(work, files, "bytes read", "%", Sample.of(shares), goal=_BYTES)
        yield Figure(work, files, "requests an object", "", Sample.of(requests))


def _take_headers(objects: list[SourceObject], scratch: Path) -> tuple[BatchReport, float]:
    """Clean headers and make rows of them, as a worker does with its second batch; gives the seconds, too."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        plan = plan_run(Path(folder), "metadata")
        process_corpus(objects[:_FEW], plan)  # loads profile and plans, which a process does once
        started = time.perf_counter()
        report = process_corpus(objects, plan)
        seconds = time.perf_counter() - started
    if report.staged != len(objects):
        raise Refused(f"{report.staged} of {len(objects)} objects were staged: {report.rejects}")
    return report, seconds


def _read_whole(objects: list[SourceObject]) -> float:
    """Do the least of what others do: open each object and read it; gives the seconds, connected before."""
    filesystem = s3fs.S3FileSystem(use_listings_cache=False)
    filesystem.info(objects[0].uri)
    started = time.perf_counter()
    for one in objects:
        with filesystem.open(one.uri, "rb") as file:
            file.read()
    return time.perf_counter() - started


@contextmanager
def _server() -> Iterator[str]:
    """Start a server and point the AWS chain of this process at it; gives its name."""
    before = dict(os.environ)
    with ExitStack() as stack:
        if shutil.which("radosgw") and shutil.which("ceph-mon"):
            memory = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="ceph-")
            )
            name, endpoint = "Ceph", stack.enter_context(ceph_gateway(Path(folder))).endpoint
        else:
            server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
            server.start()
            stack.callback(server.stop)
            host, port = server.get_host_and_port()
            name, endpoint = "moto, a mock", f"http://{host}:{port}"
        os.environ.update(s3_environment(endpoint))
        try:
            yield name
        finally:
            os.environ.clear()
            os.environ.update(before)
