"""The command line: verbs, messages for people, and exit codes that scripts depend on."""

import sys

import typer

from mumap_node.cli import (
    agreement,
    backup,
    checking,
    demo,
    evaluate,
    export,
    fetch,
    gate,
    health,
    jobs,
    mapping,
    models,
    processes,
    rejected,
    retention,
    setup,
    simulate,
    status,
    template,
    train,
)
from mumap_node.cli.reporting import ExitCode, exit_code_of, report, report_unexpected
from mumap_node.errors import NodeError


def build_app() -> typer.Typer:
    """Every verb; what a verb needs is imported when it runs, so that help is quick."""
    app = typer.Typer(
        name="mumap-node",
        help="A DICOM node that answers a SPECT reconstruction with a synthetic attenuation map.",
        epilog="Exit codes: 0 done, 2 settings or command line wrong, 3 input rejected or map "
        "failed its checks, 4 a peer failed, 1 anything else.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # they show local variables, and so patients
        rich_markup_mode=None,
    )
    app.callback()(setup.options)
    app.command()(setup.init)
    app.command()(checking.check)
    app.command()(processes.serve)
    app.command()(processes.receive)
    app.command()(processes.work)
    app.command()(processes.deliver)
    app.command()(processes.web)
    app.command()(processes.watch)
    app.command("map")(mapping.map_files)
    app.add_typer(jobs.build_app(), name="jobs")
    app.command()(fetch.fetch)
    app.command()(rejected.rejected)
    app.command()(agreement.agreement)
    app.add_typer(models.build_app(), name="models")
    app.add_typer(template.build_app(), name="template")
    app.command()(simulate.simulate)
    app.command()(train.train)
    app.command()(export.export)
    app.command()(gate.gate)
    app.command()(evaluate.evaluate)
    app.command()(health.health)
    app.command()(backup.backup)
    app.command()(backup.restore)
    app.command()(retention.retention)
    app.command()(status.status)
    app.command()(demo.demo)
    return app


def main() -> None:
    """Run one verb; every expected failure is one ``reason: sentence`` per line on stderr."""
    try:
        build_app()()
    except NodeError as error:
        report(error)
        sys.exit(exit_code_of(error))
    except Exception as error:  # noqa: BLE001  (Python would print its text, perhaps a patient's)
        report_unexpected(error)
        sys.exit(ExitCode.FAILED)
