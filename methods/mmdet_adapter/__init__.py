"""Any detector of mmdet 3.x, from its config and checkpoint."""
