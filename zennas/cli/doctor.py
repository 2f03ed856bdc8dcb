"""`zennas doctor`: whether the installation works on this machine."""

from __future__ import annotations

import typer

from zennas.cli import options as opt


def doctor(as_json: opt.Json = False) -> None:
    """Check the installation: versions and devices, and whether a network can be built, scored and counted.

    Exits with 1 if something does not work.
    """
    from zennas.cli.console import OUT
    from zennas.cli.render import print_json
    from zennas.report.doctor import examine

    findings = examine()
    if as_json:
        print_json([{"what": f.what, "ok": f.ok, "found": f.found} for f in findings])
    else:
        for finding in findings:
            OUT.print(f"{'ok  ' if finding.ok else 'FAIL'} {finding.what}: {finding.found}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
