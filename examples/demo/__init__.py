"""The demo: real data, real models, and a failure of the kind that real models have."""
