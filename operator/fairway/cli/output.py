"""How a ModelDeployment looks in a terminal."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click
import yaml
from rich.console import Group, RenderableType
from rich.text import Text

from fairway.api.scalars import format_duration
from fairway.api.status import ConditionStatus, Evidence, Phase, Status
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.stats import bound_log10

_BAR = 20
_STYLE = {
    Phase.STABLE: "green",
    Phase.ROLLED_BACK: "red",
    Phase.FAILED: "red",
    Phase.ROLLING_BACK: "red",
    Phase.PAUSED: "yellow",
}


def print_data(data: Any, form: str) -> None:
    """Print JSON or YAML, without colours or wrapping."""
    click.echo(
        json.dumps(data, indent=2) if form == "json" else yaml.safe_dump(data, sort_keys=False).rstrip()
    )


def as_data(md: ModelDeployment) -> dict[str, Any]:
    data: dict[str, Any] = md.model_dump(mode="json", by_alias=True, exclude_none=True)
    return data


def phase_text(phase: Phase) -> Text:
    return Text(phase.value, style=_STYLE.get(phase, "cyan"))


def weight_text(status: Status) -> str:
    """The candidate's share: what is in force, and what is declared where that differs."""
    if status.candidate is None or status.rollout is None:
        return ""
    weight = status.rollout.weight
    if weight.programmed is None or weight.programmed == weight.declared:
        return percent(weight.declared)
    return f"{percent(weight.programmed)} → {percent(weight.declared)}"


def percent(weight: int) -> str:
    return f"{weight / 10:g} %"


def table(deployments: list[ModelDeployment], now: datetime, *, wide: bool, namespaces: bool) -> Text:
    """One line a model, as `kubectl get` would print it: never cut, however narrow the terminal."""
    head = ["NAME", "PHASE", "STABLE", "CANDIDATE", "WEIGHT", "READY", "SINCE"]
    rows = [_row(md, now) for md in deployments]
    if namespaces:
        head = ["NAMESPACE", *head]
        rows = [[Text(md.metadata.namespace), *row] for md, row in zip(deployments, rows, strict=True)]
    if wide:
        head += ["URL", "MESSAGE"]
        rows = [
            [*row, Text(md.status.url or ""), Text(md.status.message)]
            for md, row in zip(deployments, rows, strict=True)
        ]
    cells = [[Text(word, style="bold") for word in head], *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        Text.assemble(
            *(part for cell, width in zip(row, widths, strict=True) for part in _padded(cell, width))
        )
        for row in cells
    ]
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def _row(md: ModelDeployment, now: datetime) -> list[Text]:
    status = md.status
    ready = status.condition("Ready")
    words = (
        status.stable or "",
        status.candidate or "",
        weight_text(status),
        ready.status.value if ready else ConditionStatus.UNKNOWN.value,
        age(status.phase_since, now),
    )
    return [Text(md.metadata.name), phase_text(status.phase), *map(Text, words)]


def _padded(cell: Text, width: int) -> tuple[Text, str]:
    return cell, " " * (width - len(cell) + 2)


def age(since: datetime | None, now: datetime) -> str:
    if since is None:
        return ""
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def details(md: ModelDeployment, now: datetime) -> RenderableType:
    """Everything a person wants to know about one model at a glance."""
    status = md.status
    head = Text.assemble(
        (md.metadata.name, "bold"), "  ", phase_text(status.phase), f"  {age(status.phase_since, now)}"
    )
    if status.url:
        head.append(f"  {status.url}/v2/models/{md.public_name}/infer", style="dim")
    lines: list[RenderableType] = [head]
    lines += [Text(f"  {line}") for line in _roles(status)]
    if status.message:
        lines.append(Text(f"  {status.message}", style="dim"))
    if status.rollout is not None:
        lines += evidence_lines(md)
    lines += [Text(f"  ! {words}", style="yellow") for words in _troubles(status)]
    return Group(*lines)


def evidence_lines(md: ModelDeployment) -> list[RenderableType]:
    """The evidence of the newest rollout, as bars against their bounds."""
    rollout = md.status.rollout
    if rollout is None:
        return []
    lines: list[RenderableType] = []
    for known in rollout.evidence:
        lines.append(Text(f"  {known.name:<10} {counts(known)}"))
        harm, safe = bound_log10(rollout.bounds.alpha), bound_log10(rollout.bounds.beta)
        lines.append(_bar("harm", known.regression_log10, harm, "red"))
        lines.append(_bar("safe", known.safe_log10, safe, "green"))
    return lines


def counts(known: Evidence) -> str:
    words = (
        f"candidate failed {known.candidate_failures} of {known.candidate_requests}, "
        f"stable {known.stable_failures} of {known.stable_requests}"
    )
    if known.bake_requests:
        words += f"; bake: {known.bake_failures} of {known.bake_requests}"
    return words


def step_words(md: ModelDeployment) -> str:
    """`step 2 of 3: 10 % for 5m to 1h`."""
    rollout = md.status.rollout
    if rollout is None or rollout.step is None:
        return ""
    step = rollout.step
    return (
        f"step {step.index + 1} of {len(md.spec.rollout.steps)}: {step.weight} % for "
        f"{format_duration(step.min_duration)} to {format_duration(step.max_duration)}"
    )


def _bar(name: str, value: float, bound: float, style: str) -> Text:
    filled = round(_BAR * min(1.0, max(0.0, value / bound)))
    text = Text(f"  {'':<10} {name} ")
    text.append("█" * filled, style=style)
    text.append("░" * (_BAR - filled), style="dim")
    text.append(f" {value:.2f} of {bound:.2f}")
    return text


def _roles(status: Status) -> list[str]:
    rollout = status.rollout
    weight = rollout.weight.programmed if rollout and status.candidate else 0
    lines = []
    if status.stable:
        lines.append(f"stable     {status.stable}  {percent(1000 - (weight or 0))}")
    if status.candidate:
        lines.append(f"candidate  {status.candidate}  {weight_text(status)}")
    elif rollout is not None and rollout.outcome is not None and rollout.revision in status.rejected:
        lines.append(f"sent back  {rollout.revision}  {rollout.outcome.value}: {rollout.message}")
    return lines


def _troubles(status: Status) -> list[str]:
    found = []
    for kind in ("Stalled", "Paused", "Degraded"):
        condition = status.condition(kind)
        if condition is not None and condition.status is ConditionStatus.TRUE:
            words = f"{condition.reason}: {condition.message}"
            if words not in found:
                found.append(words)
    return found
