"""A run: its folder, its record, and the way from its first batch to its end."""
