"""A sample of `make kill-points`: whatever is done at a write, the walk comes to the same end."""

from __future__ import annotations

from e2e.cluster.apiserver import Apiserver

from controller.blows import FAULTS, KILLS, Blow, disturb_all, undisturbed
from controller.end_state import difference
from controller.walks import PROMOTION, ROLLBACK

SAMPLE = 5


async def test_a_promotion_comes_to_the_same_end_wherever_the_operator_is_killed(cluster: Apiserver) -> None:
    kubeconfig = cluster.kubeconfig("admin")
    reference = await undisturbed(kubeconfig, PROMOTION, times=2)
    points = reference.points(KILLS)
    assert len(points) >= 60
    some = [(reference, point) for point in points[3 :: len(points) // SAMPLE]]
    results = await disturb_all(kubeconfig, some, parallel=3)
    assert {str(one.point): one.differences for one in results if one.diverged} == {}
    assert sum(one.reached for one in results) >= SAMPLE - 1, "the writes are met again"


async def test_a_rollback_comes_to_the_same_end_whatever_write_fails(cluster: Apiserver) -> None:
    kubeconfig = cluster.kubeconfig("admin")
    reference = await undisturbed(kubeconfig, ROLLBACK, times=2)
    points = reference.points([Blow.KILL_AFTER, *FAULTS])
    some = [(reference, point) for point in points[1 :: len(points) // SAMPLE]]
    results = await disturb_all(kubeconfig, some, parallel=3)
    assert {str(one.point): one.differences for one in results if one.diverged} == {}
    assert sum(one.reached for one in results) >= SAMPLE - 1, "the writes are met again"


def test_a_value_that_differs_is_told_by_its_path() -> None:
    found = difference({"a.b": 1, "a.c": 2}, {"a.b": 1, "a.d": "x"})
    assert found == ["a.c: 2 became nothing", 'a.d: nothing became "x"']
