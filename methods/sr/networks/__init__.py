"""The super-resolution networks, one family a module."""
