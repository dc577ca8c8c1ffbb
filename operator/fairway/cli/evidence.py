"""`fairway evidence`: why a revision was promoted, held or sent back."""

from __future__ import annotations

import click

from fairway.api.v1alpha1 import ModelDeployment
from fairway.cli.exits import Exit
from fairway.cli.options import Context, common, make_context, name_argument, output
from fairway.cli.output import counts, evidence_lines, print_data
from fairway.cli.where import Where


@click.command(
    epilog="""\b
Examples:
  fairway evidence fraud
  fairway evidence fraud -o json | jq '.evidence[0].regressionLog10'
"""
)
@name_argument
@output("json", "yaml")
@common
def evidence(name: str, output: str | None, where: Where) -> int:
    """Show the numbers behind the newest rollout's decisions."""
    context = make_context(where)
    md = context.target.get(context.ref(name))
    rollout = md.status.rollout
    if output:
        data = rollout.model_dump(mode="json", by_alias=True, exclude_none=True) if rollout else {}
        print_data(data, output)
        return Exit.OK
    if rollout is None:
        context.err.print(f"{name} has had no rollout yet")
        return Exit.OK
    _explain(context, md)
    return Exit.OK


def _explain(context: Context, md: ModelDeployment) -> None:
    rollout = md.status.rollout
    if rollout is None:
        return
    bounds = rollout.bounds
    outcome = f"{rollout.outcome.value}: {rollout.message}" if rollout.outcome else "running"
    context.out.print(f"{rollout.revision}  against {rollout.from_revision or 'nothing'}  {outcome}")
    for step in rollout.steps:
        context.out.print(f"  {step.weight:>3} %  {step.result.value}  ({step.requests} requests)")
    for line in evidence_lines(md):
        context.out.print(line)
    for known in rollout.evidence:
        p = min(1.0, 10**-known.regression_log10)
        context.out.print(f"  {known.intervals} intervals counted, {known.dropped_intervals} left out")
        context.out.print(f"  anytime-valid p of harm: {p:.3g}")
        context.out.print(
            f"  harm convicts at p ≤ {bounds.alpha:g}; safe means: odds of failing below "
            f"{bounds.safe_margin:g} times stable's, or a failure rate below {bounds.negligible:g}"
        )
        if not known.intervals:
            context.out.print(f"  {known.name}: nothing could be counted yet ({counts(known)})")
