"""What data say of the training before it begins."""
