"""`toolgate preflight`: whether a cluster has what a release needs, before it is installed, or why its pods wait."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import msgspec
from msgspec import to_builtins

from toolgate_cli.preflight.judging import judge
from toolgate_cli.preflight.looking import look
from toolgate_cli.preflight.needs import Needs, read_needs


def run(options: Namespace) -> int:
    """Run the command: 0 where nothing is missing (or with --warn-only), else 1."""
    needs = read_needs(Path(options.needs)) if options.needs else Needs()
    if options.namespace:
        needs = msgspec.structs.replace(needs, namespace=options.namespace)
    if options.release:
        needs = msgspec.structs.replace(needs, release=options.release)
    findings = judge(needs, look(needs))
    if options.json:
        print(json.dumps([to_builtins(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.level:<4}  {finding.subject}: {finding.text}")
    return int(any(finding.level == "fail" for finding in findings) and not options.warn_only)
