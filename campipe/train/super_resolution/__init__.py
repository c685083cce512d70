"""Training of super-resolution: what a camera makes of a photo at a lower resolution, and the tasks."""
