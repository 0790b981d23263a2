"""Weather and water: fog, rain and underwater light, computed from the distance of every pixel.

``optics``, ``airlight``, ``guided_filter`` and ``streaks`` hold the formulas; ``fog``, ``rain`` and ``underwater`` the
recipes; ``distance`` reads and makes distance maps. Importing this package costs no torch.
"""
