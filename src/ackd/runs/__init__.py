"""A run: its folder, its processes and signals, how it goes on, and what came out of it."""
