# Clusters for tests; what they are made of stands in e2e/cluster/versions.toml.
CLUSTER := $(BIN)/python -m e2e.cluster

.PHONY: cluster cluster-down cluster-binaries

cluster-binaries: setup ## Build Kubernetes, etcd, kind, … from source (15 minutes, once)
	@$(CLUSTER) binaries
