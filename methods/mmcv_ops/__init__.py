"""A stand-in for mmcv's compiled operators, written on torch and torchvision: mmdet then runs without a compiler."""
