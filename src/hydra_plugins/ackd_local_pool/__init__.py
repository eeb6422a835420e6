"""Hydra launchers that start every job of a sweep as a single run of its own."""
