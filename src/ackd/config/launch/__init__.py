"""What a run is started with: its processes, Trainer arguments, schedules, and other objects."""
