"""The process of a temporary Prefect server: imports, waits for the word, serves, and never outlives its parent.

Importing Prefect's server takes longer than all else it does before it answers, so the process is started
early, before anybody knows whether it will be needed, and touches nothing until it is told to go. Its
standard input is the line to its parent: `go` starts it, and the end of it, however the parent died, ends it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from threading import Thread


def main(descriptor: int) -> None:
    """Serve on an inherited listening socket, from `go` until the parent is gone or says so.

    Parameters
    ----------
    descriptor
        File descriptor of a TCP socket that listens already, so that there is no race for a port.
    """
    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(create_app(final=True), lifespan="on", log_level="critical", access_log=False)
    if sys.stdin.readline() != "go\n":
        return
    Thread(target=_leave_with_parent, daemon=True).start()
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


def _leave_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(int(sys.argv[1]))
