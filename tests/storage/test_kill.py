"""Killing a writer: nothing partial is ever visible, and running again ends as if it had run once.

A child is killed before its n-th call to the operating system, for every n (Python announces the calls
that open, rename, link, chmod and remove as audit events), and once more at random moments, which
reaches the calls that are not announced: write and fsync.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.storage.keys import TEMPORARY_PREFIX

DRIVER = '''
"""Fork a child for each n, let it kill itself at its n-th audited call, and look at what it left."""
import os, shutil, signal, sys
from pathlib import Path
from tasks.storage.store import open_store

ANNOUNCED = {"open", "os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.scandir"}
folder, operation = Path(sys.argv[1]), sys.argv[2]
NEW, OLD = b"n" * 300_000, b"o" * 200_000

def prepare(store):
    if operation == "move_tree":
        for key in ("staging/1/p/a", "staging/1/p/s/b", "staging/1/q/c"):
            store.write(key, NEW)
        for key in ("published/p/a", "published/p/z"):
            store.write(key, OLD)
    elif operation == "move":
        store.write("staging/1/a", NEW)
    elif operation != "write_create":
        store.write("published/p/a", OLD)

def operate(store):
    if operation == "write":
        store.write("published/p/a", NEW)
    elif operation == "write_unsynced":
        store.write_unsynced("published/p/a", [NEW[:1000], NEW[1000:]])
    elif operation == "write_create":
        assert store.write_create("published/new/a", NEW)
    elif operation == "move":
        store.move("staging/1/a", "published/new/a")
    elif operation == "move_tree":
        store.move_tree("staging/1", "published")
    elif operation == "delete_tree":
        store.delete_tree("published")

def contents(store):
    return {key: {NEW: "new", OLD: "old"}.get(store.read(key), "PARTIAL") for key in store.list()}

def run_child(store, fatal):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if event in ANNOUNCED:
            seen += 1
            if seen == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    operate(store)
    os._exit(0)

def once(name):
    store = open_store(str(folder / name), {})
    prepare(store)
    before = contents(store)
    operate(store)
    return before, contents(store)

before, after = once("expected")
fatal, killed = 0, True
while killed:
    fatal += 1
    root = folder / str(fatal)
    store = open_store(str(root), {})
    prepare(store)
    child = os.fork()
    if child == 0:
        run_child(store, fatal)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left = contents(store)
    assert "PARTIAL" not in left.values(), (fatal, left)
    if operation.startswith("write"):
        assert left in (before, after), (fatal, left)
    operate(store)
    assert contents(store) == after, (fatal, contents(store))
    shutil.rmtree(root)
print(fatal - 1)
'''

WRITER = """
import sys
from tasks.storage.store import open_store
store = open_store(sys.argv[1], {})
print("ready", flush=True)
number = 0
while True:
    number += 1
    data = number.to_bytes(8, "big") * 50_000
    store.write("published/a", data)
    store.write_unsynced("published/b", (data[start : start + 9999] for start in range(0, len(data), 9999)))
"""


@pytest.mark.parametrize(
    ("operation", "least_points"),
    [
        ("write", 3),
        ("write_unsynced", 2),
        ("write_create", 5),
        ("move", 3),
        ("move_tree", 15),
        ("delete_tree", 2),
    ],
)
def test_a_kill_before_any_call_is_made_good_by_running_again(
    tmp_path: Path, operation: str, least_points: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path), operation], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= least_points


def test_a_kill_at_a_random_moment_leaves_no_partial_file(tmp_path: Path) -> None:
    seed = time.time_ns()
    moments = random.Random(seed)  # noqa: S311
    for number in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / str(number))], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(moments.uniform(0.005, 0.05))
        writer.kill()
        assert writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        for path in (path for path in tmp_path.rglob("*") if path.is_file()):
            data = path.read_bytes()
            whole = data == data[:8] * 50_000
            assert whole or path.name.startswith(TEMPORARY_PREFIX), f"seed {seed}"
