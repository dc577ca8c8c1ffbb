"""Brings a model from where its URI says to a folder, and says what its content is; runs in pods."""
