"""Many runs from one command: each a process tree of its own, over a pool of devices."""
