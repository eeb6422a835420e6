"""``python -m ackd.runs``: which runs there are, how far they are, and what they keep for others.

`found` reads run folders, `cli` shows them and the artifacts.
"""
