"""``hr``: detection in the clean image, the ceiling that a restoring method can hope to reach."""
