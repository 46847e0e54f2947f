"""The `dicomflow` command: options in, exit code and report out; no logic.

Prefect, Dask and Great Expectations take seconds to import, so `--help` and refused options do not
wait for them: whatever needs them is imported inside the command that runs.
"""

from __future__ import annotations

import gc
import getpass
import os
import signal
import sys
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from tasks.errors import ConfigurationError, PipelineError
from tasks.records import Outcome, RunReport, Selection

app = typer.Typer(
    name="dicomflow",
    help="Clean, de-identify and check DICOM, and release only what passed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a pretty traceback prints local variables, and those are patients' data
    context_settings={"help_option_names": ["-h", "--help"]},
)


class ExitCode(IntEnum):
    """What the shell, cron or a scheduler learns."""

    PUBLISHED = 0
    FAILED = 1
    CONFIGURATION = 2
    PARTLY_WITHHELD = 3
    WITHHELD = 4
    DAMAGED = 5
    INTERRUPTED = 130


_EXIT_CODES = {
    Outcome.PUBLISHED: ExitCode.PUBLISHED,
    Outcome.NOTHING_NEW: ExitCode.PUBLISHED,
    Outcome.PARTLY_WITHHELD: ExitCode.PARTLY_WITHHELD,
    Outcome.WITHHELD: ExitCode.WITHHELD,
}

EXIT_CODES_HELP = (
    "Exit codes: 0 everything published (or nothing new); 1 failed, run it again to resume; 2 a setting is "
    "wrong; 3 finished, but some objects were withheld or quarantined; 4 the run was withheld; 5 `verify` found "
    "something missing, altered or extra; 130 interrupted, run it again to resume."
)

Target = Annotated[
    str, typer.Argument(help="Folder or s3://bucket/prefix that holds the outputs.", show_default=False)
]
Config = Annotated[
    Path | None,
    typer.Option(help="TOML or YAML file with settings; options and environment win over it."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, for machines.")
]
Outputs = Annotated[
    str | None,
    typer.Option(help="dicom (cleaned files), metadata (tables only), or both. Default: both."),
]
Profile = Annotated[
    str | None, typer.Option(help="De-identification profile: research, basic, strict, or a YAML file.")
]
Rules = Annotated[
    str | None,
    typer.Option(help="Quality rules, a YAML file or s3:// URI. Default: the shipped table."),
]
KeyFile = Annotated[Path | None, typer.Option(help="File with the secret key; see `dicomflow keygen`.")]
KeyBlock = Annotated[str | None, typer.Option(help="Prefect Secret block with the secret key.")]
Workers = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Worker processes. Default: one for each core.")
]
DaskAddress = Annotated[
    str | None,
    typer.Option(help="Use this Dask scheduler, such as tls://host:8786, instead of own workers."),
]
Identities = Annotated[
    bool | None,
    typer.Option(
        "--identities",
        help="Keep an encrypted record of originals and pseudonyms; see `dicomflow identities`.",
    ),
]
BatchObjects = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Objects of one batch, at most. Default: 1000.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@app.command(epilog=EXIT_CODES_HELP)
def clean(
    source: Annotated[
        str, typer.Argument(help="Folder, file or s3://bucket/prefix to read; nothing in it is changed.")
    ],
    target: Target,
    outputs: Outputs = None,
    profile: Profile = None,
    rules: Rules = None,
    key_file: KeyFile = None,
    key_block: KeyBlock = None,
    workers: Workers = None,
    dask_address: DaskAddress = None,
    batch_objects: BatchObjects = None,
    identities: Identities = None,
    config: Config = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Clean what is new in SOURCE, gate it, and publish to TARGET what passed.

    Running it again does only what is left: an interrupted run resumes, a finished one finds nothing new.
    """
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        settings = load_settings(
            config,
            source=source,
            target=target,
            outputs=outputs,
            profile=profile,
            rules=rules,
            key_file=key_file,
            key_block=key_block,
            workers=workers,
            dask_address=dask_address,
            batch_objects=batch_objects,
            identities=identities,
        )
        if dry_run:
            _print_dry_run(settings, as_json=as_json)
            return
        report = _run(settings, as_json=as_json)
    _leave(report)


@app.command(epilog=EXIT_CODES_HELP)
def replay(
    target: Target,
    reason: Annotated[
        list[str] | None,
        typer.Option(help="Only what has this reason code, or was withheld by this rule. May be repeated."),
    ] = None,
    study: Annotated[
        list[str] | None,
        typer.Option(
            help="Only objects of this study, by its UID as published or as in the source. May be repeated."
        ),
    ] = None,
    outputs: Outputs = None,
    profile: Profile = None,
    rules: Rules = None,
    key_file: KeyFile = None,
    key_block: KeyBlock = None,
    workers: Workers = None,
    dask_address: DaskAddress = None,
    batch_objects: BatchObjects = None,
    identities: Identities = None,
    config: Config = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take again what TARGET has quarantined or withheld, under today's code, profile and rules.

    The objects are read from their source, whose place the ledger knows. What is published stays as it is.
    """
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        settings = load_settings(
            config,
            target=target,
            outputs=outputs,
            profile=profile,
            rules=rules,
            key_file=key_file,
            key_block=key_block,
            workers=workers,
            dask_address=dask_address,
            batch_objects=batch_objects,
            identities=identities,
        )
        selection = Selection(tuple(reason or ()), tuple(study or ()))
        if dry_run:
            _print_dry_run(settings, selection, as_json=as_json)
            return
        report = _run(settings, selection, as_json=as_json)
    _leave(report)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put key and target; made if missing.")] = Path(
        "dicomflow-demo"
    ),
    as_json: AsJson = False,
) -> None:
    """Clean the real DICOM files that come with pydicom: no download, no service, no key to make by hand."""
    from tasks.deid.key import generate_key_text
    from tasks.project_key import write_key_file
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        key_file = folder / "key"
        if not key_file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_key_file(key_file, generate_key_text())
        settings = load_settings(
            source=str(_bundled_files()), target=str(folder / "target"), key_file=key_file
        )
        _run(settings, as_json=as_json)


def _bundled_files() -> Path:
    import pydicom

    return Path(pydicom.__file__).parent / "data" / "test_files"


@app.command()
def keygen(
    file: Annotated[
        Path | None, typer.Option(help="Write the key to this new file, readable by you alone, instead.")
    ] = None,
) -> None:
    """Make a project's secret key. Whoever holds it can repeat the pseudonyms; whoever loses it cannot add data."""
    from tasks.deid.key import generate_key_text
    from tasks.project_key import write_key_file

    with _errors_explained():
        text = generate_key_text()
        if file is None:
            typer.echo(text)
            return
        write_key_file(file, text)
        Console(stderr=True).print(
            "Key written. Keep a copy in a safe: without it nothing can be added to a target."
        )


@app.command()
def describe(
    profile: Annotated[
        str, typer.Option(help="De-identification profile: a shipped name or a YAML file.")
    ] = "research",
    rules: Annotated[str | None, typer.Option(help="Quality rules, a YAML file.")] = None,
    as_json: AsJson = False,
) -> None:
    """List every de-identification action, cleaning rule and quality rule in force."""
    from flows.describe import print_description

    with _errors_explained(as_json=as_json):
        print_description(profile, rules, as_json=as_json)


@app.command(name="deid-benchmark")
def deid_benchmark(
    seed: Annotated[int, typer.Option(help="Equal seeds make equal files.")] = 1,
    files: Annotated[int, typer.Option(min=1, help="How many files to make.")] = 120,
    profile: Annotated[
        str, typer.Option(help="De-identification profile: a shipped name or a YAML file.")
    ] = "research",
    out: Annotated[
        Path | None, typer.Option(help="New folder that keeps corpus, answer key and outputs.")
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Have other de-identifiers that are installed clean it too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Plant identifiers into made-up and public files, clean them, and count what is left and what is kept.

    Exit code 0 if our cleaning reaches all its targets, 1 if not.
    """
    from flows.deid_benchmark import measure, print_json, print_results

    with _errors_explained(as_json=as_json):
        results = measure(out, seed=seed, files=files, profile=profile, peers=peers)
        if as_json:
            print_json(results)
        else:
            print_results(results, Console())
        raise typer.Exit(int(bool(results[0].missed)))


@app.command()
def show(
    target: Target,
    last: Annotated[int, typer.Option(min=1, help="How many runs to show.")] = 10,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the last runs of a target, and how its objects ended and why."""
    from flows.show import print_history
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        print_history(load_settings(config, target=target), last, as_json=as_json)


@app.command(epilog=EXIT_CODES_HELP)
def verify(
    target: Target,
    sizes_only: Annotated[
        bool, typer.Option("--sizes-only", help="Compare names and sizes, and read no published file.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Hash what is published in TARGET and compare it with its tables and its ledger.

    It says what is missing, altered or extra, needs no key, and changes nothing.
    """
    from flows.verify import print_verified, verify_target
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        found = verify_target(
            load_settings(config, target=target), Console(stderr=True), hashed=not sizes_only
        )
        print_verified(found, as_json=as_json)
    raise typer.Exit(ExitCode.DAMAGED if found.problems else ExitCode.PUBLISHED)


identities_app = typer.Typer(
    help="Go back from pseudonyms to people, where a target keeps identities (`dicomflow clean --identities`).",
    no_args_is_help=True,
)
app.add_typer(identities_app, name="identities")


@identities_app.command()
def export(
    target: Target,
    as_csv: Annotated[Path | None, typer.Option("--csv", help="Write this new file, as CSV.")] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write this new file, as JSON.")] = None,
    key_file: KeyFile = None,
    key_block: KeyBlock = None,
    config: Config = None,
) -> None:
    """Write every original and its pseudonym to a new file that only you can read."""
    from flows.identities import export_identities
    from tasks.settings import load_settings

    with _errors_explained():
        settings = load_settings(config, target=target, key_file=key_file, key_block=key_block)
        export_identities(settings, as_csv, as_json)


@identities_app.command()
def lookup(
    target: Target,
    value: Annotated[
        str | None,
        typer.Argument(
            help="Patient ID, name, UID or pseudonym. Left out, it is asked for, or read from standard input, "
            "so that it is in no shell history and no list of processes.",
            show_default=False,
        ),
    ] = None,
    key_file: KeyFile = None,
    key_block: KeyBlock = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Find what stands for an original, or what a pseudonym stands for."""
    from flows.identities import look_up
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        settings = load_settings(config, target=target, key_file=key_file, key_block=key_block)
        look_up(settings, value, as_json=as_json)


@identities_app.command()
def forget(
    target: Target,
    pseudonym: Annotated[str, typer.Argument(help="PatientID as published.", show_default=False)],
    key_file: KeyFile = None,
    key_block: KeyBlock = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Delete the record of one patient, so that nothing in the store leads back any more."""
    from flows.identities import forget_patient
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        settings = load_settings(config, target=target, key_file=key_file, key_block=key_block)
        forget_patient(settings, pseudonym, as_json=as_json)


@app.command()
def docs(target: Target, config: Config = None, as_json: AsJson = False) -> None:
    """Write the pages of TARGET again from the reports of its runs; no data is read and no run is made."""
    from flows.show import print_docs
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        print_docs(load_settings(config, target=target), as_json=as_json)


@app.command()
def maintain(
    target: Target,
    table_days: Annotated[
        int, typer.Option(min=7, help="Days for which tables keep files that were replaced.")
    ] = 14,
    staging_days: Annotated[
        int, typer.Option(min=1, help="Days for which a run that died may still be resumed.")
    ] = 14,
    docs_days: Annotated[
        int | None, typer.Option(min=1, help="Days for which pages of runs are kept. Default: for ever.")
    ] = None,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compact and vacuum TARGET's tables, sweep what dead runs staged, and remove old pages.

    Published files, rows, ledger, audit and lineage stay. It needs no key, and waits for no run: one that
    holds the target makes it end.
    """
    from flows.prefect_api import quiet_environment

    quiet_environment()
    from flows.maintain import print_upkeep, run_upkeep
    from tasks.maintain import Retention
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        settings = load_settings(config, target=target)
        done = run_upkeep(settings, Retention(table_days, staging_days, docs_days), dry_run=dry_run)
        print_upkeep(done, dry_run=dry_run, as_json=as_json)


@app.command()
def release(
    target: Target,
    studies: Annotated[
        list[str], typer.Argument(help="StudyInstanceUIDs of withheld studies, as published.")
    ],
    reason: Annotated[str, typer.Option(help="Why; kept with who and when below restricted/.")],
    who: Annotated[str | None, typer.Option(help="Who decides. Default: the account that runs this.")] = None,
    rules: Rules = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Publish studies that a rule withheld, on a person's word; never one that de-identification failed."""
    from flows.review import print_released
    from tasks.release import release as release_studies
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        settings = load_settings(config, target=target, rules=rules)
        done = release_studies(settings, studies, reason=reason, who=who or getpass.getuser())
        print_released(done, as_json=as_json)


rules_app = typer.Typer(help="Look at tables of rules.", no_args_is_help=True)
app.add_typer(rules_app, name="rules")


@rules_app.command("diff")
def diff(
    target: Target,
    rules: Annotated[str, typer.Option(help="The new table: a YAML file or s3:// URI.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show which studies of TARGET would change verdict under other rules; writes nothing."""
    from flows.review import print_difference
    from tasks.prepare import read_rules
    from tasks.settings import load_settings

    with _errors_explained(as_json=as_json):
        settings = load_settings(config, target=target, rules=rules)
        _, new = read_rules(settings)
        print_difference(settings, new, as_json=as_json)


@app.command()
def serve(
    cron: Annotated[str, typer.Option(help="When to run, as a cron expression.")] = "0 2 * * *",
    timezone: Annotated[
        str, typer.Option(help="Time zone of the expression, such as Asia/Shanghai.")
    ] = "UTC",
    config: Config = None,
) -> None:
    """Run the cleaning on a schedule, in this process, until it is stopped.

    Source, target and key come from the environment or --config. Without a configured Prefect API, one is
    started and lives as long as the process.
    """
    from flows.prefect_api import quiet_environment
    from tasks.settings import CONFIG_VARIABLE, load_settings

    quiet_environment()
    with _errors_explained():
        settings = load_settings(config)
        if config is not None:
            # Every run is a process of its own and has its settings from the environment.
            os.environ[CONFIG_VARIABLE] = str(config.absolute())
        from flows.serve import serve_schedule

        serve_schedule(settings, cron, timezone)


def _run(settings: Any, selection: Selection | None = None, *, as_json: bool) -> RunReport:
    from flows.prefect_api import quiet_environment

    quiet_environment()
    from flows.progress import RunProgress

    progress = RunProgress(Console(stderr=True))
    from flows.local_run import run_once
    from flows.summary import print_json, print_summary

    signal.signal(signal.SIGTERM, _interrupt)
    report = run_once(settings, progress, selection)
    if as_json:
        print_json(report)
    else:
        print_summary(report, Console())
    return report


def _leave(report: RunReport) -> NoReturn:
    gc.freeze()  # else the interpreter spends a second on collecting what it is about to leave anyway
    raise typer.Exit(_EXIT_CODES[report.outcome])


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _print_dry_run(settings: Any, selection: Selection | None = None, *, as_json: bool) -> None:
    from flows.summary import print_dry_run
    from tasks.survey import survey

    print_dry_run(survey(settings, selection), as_json=as_json)


class _errors_explained:  # noqa: N801 - reads as a statement
    """End the command with a sentence and an exit code instead of a traceback."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None or isinstance(error, (typer.Exit, SystemExit, BrokenPipeError)):
            return  # a reader that has seen enough (`| head`) is no failure, and typer ends quietly on it
        if isinstance(error, KeyboardInterrupt):
            self._end(
                ExitCode.INTERRUPTED, "Interrupted. Nothing is half done; run the same command to resume."
            )
        if isinstance(error, ConfigurationError):
            self._end(ExitCode.CONFIGURATION, str(error))
        if isinstance(error, PipelineError):
            self._end(
                ExitCode.FAILED,
                f"The run failed: {str(error).rstrip('.')}. Run the same command again to resume.",
            )
        # What went wrong elsewhere may quote a value; its type and the place are enough to report it.
        name = kind.__name__ if kind else "error"
        self._end(
            ExitCode.FAILED,
            f"The run failed with an unforeseen {name}. Please report it; run again to resume.",
        )

    def _end(self, code: ExitCode, message: str) -> NoReturn:
        if self.as_json:
            import orjson

            sys.stdout.write(
                orjson.dumps({"outcome": "failed", "exit_code": int(code), "error": message}).decode()
            )
            sys.stdout.write("\n")
        Console(stderr=True).print(f"[bold red]dicomflow:[/] {escape(message)}", highlight=False, markup=True)
        sys.stdout.flush()
        # Not `sys.exit` inside `__exit__`: the original exception would hang on as context.
        raise typer.Exit(code) from None


def main() -> None:
    """Run the command; the console script's entry."""
    app()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
