# The chart; what renders it is the helm of the clusters for tests: make cluster-binaries.
CHECKOV := build/checkov

.PHONY: chart checkov

chart: setup ## Render the chart with each set of values that it is tested with, to build/chart
	@$(BIN)/python -m tools.chart build/chart

checkov: chart $(CHECKOV)/.ready ## Check chart and manifests for what should not be in them
	@$(CHECKOV)/bin/checkov --config-file .checkov.yaml

# An environment of its own: what it pins conflicts with what we use.
$(CHECKOV)/.ready: requirements/checkov.txt | setup
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(CHECKOV)
	@$(BIN)/uv pip sync --quiet --python $(CHECKOV)/bin/python --require-hashes $<
	@touch $@
