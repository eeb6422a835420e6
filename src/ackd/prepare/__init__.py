"""From downloaded archives to a folder that every run reads: build, check, download, unpack."""
