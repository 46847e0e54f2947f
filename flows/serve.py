"""`dicomflow serve`: the smallest scheduled set-up, one process that keeps the schedule and runs the flow."""

from __future__ import annotations

from rich.console import Console

from flows.prefect_api import TemporaryServer, prefect_api, server_ahead
from tasks.prepare import make_plan
from tasks.settings import Settings


def serve_schedule(settings: Settings, cron: str, timezone: str) -> None:
    """Serve the flow on a schedule until the process is stopped.

    Each run is a process of its own that reads its settings from the environment, as this one did. What
    would refuse a run refuses to serve, so a mistake shows tonight and not in the first unattended night.

    Raises
    ------
    ConfigurationError
        If the settings cannot be used for a run.
    """
    make_plan(settings)
    with server_ahead(schedules=True) as server:
        _serve(server, cron, timezone)


def _serve(server: TemporaryServer | None, cron: str, timezone: str) -> None:
    from prefect.schedules import Cron

    from flows.clean import clean

    with prefect_api(server):
        Console(stderr=True).print(
            f"Serving dicomflow-clean on [bold]{cron}[/] ({timezone}). Ctrl-C stops it."
        )
        clean.serve(
            name="nightly",
            schedule=Cron(cron, timezone=timezone),
            limit=1,
            print_starting_message=False,
            pause_on_shutdown=False,
        )
