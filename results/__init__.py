"""Records of finished cells and the store that keeps them."""
