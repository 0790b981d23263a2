"""What an image set is: specifications, readers, degradations and the embedded scene renderer."""
