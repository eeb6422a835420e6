"""Small helpers that know nothing of the rooms above them."""
