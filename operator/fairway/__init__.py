"""Fairway: takes a trained model safely into production."""
