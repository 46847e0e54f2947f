"""A PostgreSQL server of the test session: on loopback, trusted, and quick because nothing of it has to last."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.peers.ceph import free_port
from tests.programs import need

_USER = "prefect"
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200")


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Start a server with an empty database `prefect` in `folder`, and end it; gives the host and port."""
    # Debian puts the server's programs beside no others, by version.
    places = os.pathsep.join(
        str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    )
    initdb, pg_ctl = need("initdb", places), need("pg_ctl", places)
    data, port = folder / "data", free_port()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        folder.chmod(0o755)
    _call(initdb, "-D", str(data), "-A", "trust", "-U", _USER, "-E", "UTF8", "--no-sync")
    settings = " ".join(f"-c {setting}" for setting in (*_QUICK, "listen_addresses=127.0.0.1"))
    options = f"-p {port} -k {folder} {settings}"
    _call(pg_ctl, "-D", str(data), "-l", str(folder / "log"), "-w", "-o", options, "start")
    try:
        createdb = need("createdb", os.pathsep.join((places, os.environ["PATH"])))
        _call(createdb, "-h", "127.0.0.1", "-p", str(port), "-U", _USER, "prefect")
        yield f"127.0.0.1:{port}"
    finally:
        _call(pg_ctl, "-D", str(data), "-m", "immediate", "-w", "stop")


def _call(*command: str) -> None:
    """Run a program as the user `postgres`, for PostgreSQL refuses to be root."""
    as_postgres = (
        ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "env", "LC_ALL=C.UTF-8")
        if os.geteuid() == 0
        else ()
    )
    done = subprocess.run(
        [*as_postgres, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
