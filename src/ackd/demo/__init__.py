"""``python -m ackd.demo``: a whole experiment on data that needs no download, and a table."""
