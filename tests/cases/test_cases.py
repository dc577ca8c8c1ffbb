"""One folder per case: a resource (in.yaml) and what is seen (seen.yaml) give a decision (decision.yaml) and
what a laptop makes of it (local.yaml). `make golden` rewrites the last two; their diff is the review.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from builders import CAPS
from fairway.api.spec import EngineType
from fairway.api.v1alpha1 import ModelDeployment
from fairway.core.model import Decision, Observed
from fairway.core.reconcile import reconcile
from fairway.render.envoy import EnvoyModel
from fairway.render.protocols import Place, ProcessSpec
from fairway.render.registry import ENGINES, ROUTERS
from harbour import Harbour
from invariants import check_invariants

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/in.yaml"))
SEEN, DECISION = TypeAdapter(Observed), TypeAdapter(Decision)
ENVOY, PROCESS = TypeAdapter(EnvoyModel), TypeAdapter(ProcessSpec)


def _read(case: str, name: str) -> Any:
    return yaml.safe_load((HERE / case / name).read_text())


def _decide(case: str) -> tuple[ModelDeployment, Observed, Decision]:
    md = ModelDeployment.model_validate(_read(case, "in.yaml"))
    fields = _read(case, "seen.yaml")
    now = datetime.fromisoformat(fields.pop("now"))
    seen = SEEN.validate_python(fields)
    return md, seen, reconcile(md, seen, CAPS, now)


def _decision(decision: Decision) -> Any:
    """As plain data: the status as it is stored, revisions by their names, sets in order."""
    plain = DECISION.dump_python(decision, mode="json", exclude_none=True, exclude={"status"})
    for workload in plain["workloads"]:
        workload["revision"] = workload["revision"]["name"]
    plain["keep"] = sorted(decision.keep) if decision.keep is not None else "everything"
    plain["status"] = decision.status.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return _rounded(plain)


def _rounded(plain: Any) -> Any:
    """The last digits of a logarithm are the machine's business."""
    if isinstance(plain, float):
        return round(plain, 9)
    if isinstance(plain, dict):
        return {name: _rounded(value) for name, value in plain.items()}
    return [_rounded(value) for value in plain] if isinstance(plain, list) else plain


def _local(md: ModelDeployment, decision: Decision) -> Any:
    """Processes and Envoy resources, as local mode would ask for them."""
    processes = []
    for workload in decision.workloads:
        run = PurePosixPath("/run") / workload.revision.name
        place = Place(
            model=PurePosixPath("/models") / workload.revision.sha256[:12] / "model.onnx",
            address=run / "address.json",
            termination=run / "termination.json",
            python="python",
        )
        engine = ENGINES[EngineType(workload.revision.engine.type)]
        processes.append(PROCESS.dump_python(engine.process(workload, place), mode="json"))
    if decision.route is None:
        return {"processes": processes}
    router = ROUTERS[md.spec.traffic.router.type]
    envoy = ENVOY.dump_python(router.render(decision.route, "127.0.0.1"), mode="json")
    return {"processes": processes, "envoy": envoy}


def _write(plain: Any) -> str:
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110)


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_decided_and_rendered_as_it_was(case: str, request: pytest.FixtureRequest) -> None:
    md, seen, decision = _decide(case)
    check_invariants(md, seen, decision)
    for name, plain in (("decision.yaml", _decision(decision)), ("local.yaml", _local(md, decision))):
        path = HERE / case / name
        if request.config.getoption("--golden"):
            path.write_text(_write(plain))
        assert yaml.safe_load(path.read_text()) == plain, f"{case}/{name}: `make golden`, and read the diff"


def test_there_is_a_case_for_each_kind_of_decision() -> None:
    phases = {_decide(case)[2].status.phase for case in CASES}
    assert phases >= {
        "Provisioning",
        "Canary",
        "Paused",
        "Promoting",
        "Baking",
        "RollingBack",
        "Failed",
        "Stable",
    }


@pytest.mark.parametrize("case", CASES)
def test_a_case_names_revisions_as_fairway_would(case: str) -> None:
    """An input written for other names would test that two revisions differ, and nothing else."""
    md, _, decision = _decide(case)
    known = {revision.name for revision in decision.status.revisions}
    assert decision.status.wanted in known or case == "superseded"
    assert md.status.stable is None or md.status.stable in known


def test_a_case_can_be_made_from_a_harbour() -> None:
    """What `seen.yaml` can say is all that there is to be seen."""
    harbour = Harbour()
    harbour.run_to("Stable")
    seen = harbour.observe()
    assert SEEN.validate_python(SEEN.dump_python(seen, mode="json")) == seen
