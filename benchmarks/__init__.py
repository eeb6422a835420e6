"""What a step, an epoch and a run cost on this machine: ``make bench``."""
