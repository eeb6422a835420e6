"""What ``import ackd`` offers: whole runs from Python, without the command line.

`distilling` has the two calls for plain folders, `running` the call that takes any options, and
`result` what they return. `isolation` leaves the process as it was, `messages` says errors in the
words of Python callers, `catalogue` lists what can be chosen.
"""
