"""Ways to fill in what something lies over."""
