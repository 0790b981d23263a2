"""Methods that enlarge a degraded image with a super-resolution network before a detector sees it."""
