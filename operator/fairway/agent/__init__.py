"""The agent of a router pod: what the cluster's API says in, what Envoy is told and what it answers out."""
