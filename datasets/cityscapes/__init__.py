"""Cityscapes and the sets made of it: folders by split and city, instances of pixels instead of boxes."""
