"""Measures every claim about the statistics and writes what came out: `python -m benchmarks.statistics`.

Takes about two minutes and 1 GB; the same numbers on every run. Exits 1 when a claim does not hold.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.statistics import bake, measure
from benchmarks.statistics.agreement import largest_difference
from benchmarks.statistics.rollouts import DEFAULT_RAMP, FINE_RAMP, Ramp, troubled_rates

from fairway.core.stats import Thresholds

RESULTS = Path(__file__).parent / "results"
RAMPS: dict[str, Ramp] = {"1-10-50 %": DEFAULT_RAMP, "1-5-10-25-50 %": FINE_RAMP}
WHOLE = Thresholds()  # one guardrail with the whole budget
HALF = Thresholds(alpha=0.025)  # one of two guardrails: what the defaults give `errors` and `latency`
STEADY_2_PERCENT: Ramp = ((2, 2_000),)


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number; with a limit it is a claim."""

    question: str
    setting: str
    measured: float
    unit: str
    limit: float | None = None

    @property
    def holds(self) -> bool:
        """A number without a limit is for information."""
        return self.limit is None or self.measured <= self.limit


def main() -> int:
    """Measure, print, write."""
    rows = []
    for part in (agreement, type_one, leanings, bursts, detection, false_safe, safe_after, baking):
        for row in part():
            rows.append(row)
            print(_markdown(row), flush=True)
    RESULTS.mkdir(exist_ok=True)
    stored = [asdict(row) | {"holds": row.holds} for row in rows]
    (RESULTS / "statistics.json").write_text(json.dumps(stored, indent=1) + "\n")
    (RESULTS / "statistics.md").write_text(_page(rows))
    return 0 if all(row.holds for row in rows) else 1


def agreement() -> Iterator[Row]:
    """The oracle speaks for the shipped code."""
    for name, ramp in RAMPS.items():
        traffic = measure.good_traffic(200, ramp, troubled_rates)
        worst = largest_difference(traffic, WHOLE, 200)
        yield Row(
            "largest difference of a log e-value, oracle to shipped code",
            f"200 rollouts, {name}",
            worst,
            "",
            1e-9,
        )


def type_one() -> Iterator[Row]:
    """A candidate within tolerance is rarely sent back."""
    runs = 4_000
    for name, ramp in RAMPS.items():
        for thresholds, odds in ((WHOLE, 1.0), (WHOLE, WHOLE.tolerate), (HALF, 1.0)):
            alpha = thresholds.alpha
            shares = measure.false_rollbacks(runs, ramp, odds, thresholds)
            for rule, share in shares.acted.items():
                limit = alpha + measure.three_sigma(alpha, runs) if rule == "Fairway" else None
                if limit is not None or (thresholds is WHOLE and odds == 1):
                    setting = f"{rule}, {name}, odds ratio {odds}, alpha {alpha}"
                    yield Row("false rollbacks", setting, share, "of rollouts", limit)


def leanings() -> Iterator[Row]:
    """How often a step that ends without a verdict would be held for nothing."""
    end = 0
    for weight, intervals in DEFAULT_RAMP:
        end += intervals
        share = measure.false_leanings(2_000, DEFAULT_RAMP, end, WHOLE)
        setting = f"at the end of the {weight} % step, odds ratio 1, no verdict yet"
        yield Row("evidence points to harm", setting, share, "of rollouts")


def bursts() -> Iterator[Row]:
    """A lost pod is not a bad model."""
    places = (("1-10-50 %", 3, 0), ("1-5-10-25-50 %", 3, 0), ("1-5-10-25-50 %", 6, 1))
    for name, failures, step in places:
        for thresholds in (HALF, WHOLE):
            shares = measure.rollbacks_by_a_burst(2_000, RAMPS[name], failures, step, thresholds)
            for rule, share in shares.acted.items():
                weight = RAMPS[name][step][0]
                setting = f"{failures} failures at {weight} %, {rule}, {name}, alpha {thresholds.alpha}"
                limit = 0.10 if rule == "capped" else None
                yield Row("rollbacks by one burst", setting, share, "of rollouts", limit)


def detection() -> Iterator[Row]:
    """What a bad candidate costs before it is sent back."""
    claims = {2.0: 30.0, 4.0: 10.0}
    for name, ramp in RAMPS.items():
        for thresholds in (WHOLE, HALF):
            for odds in (1.5, 2.0, 4.0, 10.0):
                cost = measure.detection(2_000, ramp, odds, thresholds)
                setting = f"odds ratio {odds}, {name}, alpha {thresholds.alpha}, {cost.share:.1%} detected"
                limit = claims.get(odds) if thresholds is WHOLE else None
                yield Row("failed requests until rollback, median", setting, cost.failures, "requests", limit)
                yield Row("time until rollback, median", setting, cost.minutes, "minutes")
    for tolerate in (1.0, 1.05, 1.1):
        cost = measure.detection(2_000, DEFAULT_RAMP, 2.0, Thresholds(alpha=0.025, tolerate=tolerate))
        setting = f"odds ratio 2, 1-10-50 %, alpha 0.025, tolerate {tolerate}"
        yield Row("failed requests until rollback, median", setting, cost.failures, "requests")
    for onset, weight in ((120, 10), (360, 50)):
        for odds in (2.0, 4.0):
            cost = measure.detection(1_000, DEFAULT_RAMP, odds, WHOLE, onset)
            setting = f"odds ratio {odds} from the {weight} % step on, good before"
            yield Row("failed requests from onset to rollback, median", setting, cost.failures, "requests")
            yield Row("time from onset to rollback, median", setting, cost.minutes, "minutes")


def false_safe() -> Iterator[Row]:
    """A candidate on both edges is rarely called safe."""
    runs = 4_000
    shares = measure.false_safe(runs, WHOLE)
    limit = WHOLE.beta + measure.three_sigma(WHOLE.beta, runs)
    setting = "failure rate = negligible, odds ratio = safe_margin, 1-10-50 %, beta 0.05"
    yield Row("false SAFE", setting, shares.acted["Fairway"], "of rollouts", limit)


def safe_after() -> Iterator[Row]:
    """What a good candidate needs."""
    for rate in (0.0, 0.001, 0.002, 0.005):
        cost = measure.safety(1_000, STEADY_2_PERCENT, rate, WHOLE)
        setting = f"both arms fail {rate:.1%}, 2 % weight"
        yield Row("candidate requests until SAFE, median", setting, cost.requests, "requests")
    for rate in (0.0, 0.001, 0.002, 0.005, 0.01, 0.02):
        cost = measure.safety(1_000, DEFAULT_RAMP, rate, WHOLE)
        setting = f"both arms fail {rate:.1%}, 1-10-50 % at full length, {cost.share:.1%} SAFE"
        yield Row("time until SAFE, median", setting, cost.minutes, "minutes")


def baking() -> Iterator[Row]:
    """The guard without a comparison: what the limit is taken from matters."""
    runs = 2_000
    limit = WHOLE.alpha + measure.three_sigma(WHOLE.alpha, runs)
    for known in (200, 1_000, 20_000):
        for odds, claimed in ((1.0, limit), (1.3, None), (4.0, None)):
            rate = odds * 0.03 / (0.97 + odds * 0.03)
            got = bake.flips(runs, known, 0.03, rate, WHOLE, seed=known)
            setting = f"stable 3 %, known from {known} requests, odds ratio {odds}"
            yield Row("flips back in a 10 minute bake", setting, got.shipped, "of bakes", claimed)
            yield Row("the same with a limit from a point estimate", setting, got.point_estimate, "of bakes")


def _markdown(row: Row) -> str:
    share = row.unit.startswith("of ")
    measured, limit = (
        "" if v is None else f"{v:.1%}" if share else f"{v:.3g}" if v < 1 else f"{v:g}"
        for v in (row.measured, row.limit)
    )
    verdict = "" if row.limit is None else "holds" if row.holds else "**fails**"
    return f"| {row.question} | {row.setting} | {measured} {row.unit} | {limit} | {verdict} |"


def _page(rows: list[Row]) -> str:
    lines = [
        "# What the statistics do",
        "",
        "Written by `python -m benchmarks.statistics`. 20 requests per second, scraped every 15 s; base",
        "failure rate 1 % with a daily swing of a half; for false rollbacks also one 20 minute incident that",
        "multiplies the rate of both arms by five. Every step lasts as long as it may. A row with a limit is",
        "a claim.",
        "",
        "| question | setting | measured | limit | |",
        "|---|---|---|---|---|",
        *map(_markdown, rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
