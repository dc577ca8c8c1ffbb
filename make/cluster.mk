# Clusters for tests; what they are made of stands in e2e/cluster/versions.toml.
# CLUSTER_PROVIDER=upstream takes kind and its published node image instead of building them.
CLUSTER := $(BIN)/python -m e2e.cluster
CLUSTER_PROVIDER ?= packages

.PHONY: images cluster cluster-down cluster-check cluster-clean cluster-binaries

images: setup ## Build the images of operator, router and model server; prints their tags
	@$(BIN)/python -m e2e.images --provider $(CLUSTER_PROVIDER)

cluster: setup ## Start a Kubernetes of one node that runs pods (kind); prints its KUBECONFIG
	@$(CLUSTER) up --provider $(CLUSTER_PROVIDER)

cluster-down: setup ## Take that cluster away, and the engine it ran in
	@$(CLUSTER) down --provider $(CLUSTER_PROVIDER)

cluster-check: setup ## Check that its pods run, find each other and keep to their limits
	@$(BIN)/python -m pytest -q e2e/cluster

cluster-binaries: setup ## Build Kubernetes, etcd, kind, … from source (20 minutes, once)
	@$(CLUSTER) binaries

cluster-clean: setup ## Remove all that was built for clusters
	@$(CLUSTER) clean
