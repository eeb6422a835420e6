"""Teacher, matcher, student: what is trained, what is found again, and in which order."""
