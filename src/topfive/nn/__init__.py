"""Parts that two or more papers use."""
