"""``lr``: detection in the degraded image as it is, the floor that every method should beat."""
