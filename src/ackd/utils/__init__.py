"""The ground floor: what several rooms need and none of them is about. It imports only errors."""
