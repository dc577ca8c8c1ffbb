# What takes longer than a test may; each writes its last result to docs/results.
PROOF := PYTHONPATH=tests:. $(BIN)/python -m

.PHONY: kill-points

kill-points: setup ## Kill the operator, and refuse it, at every write of two rollouts (20 minutes)
	@$(PROOF) controller.kill_points
