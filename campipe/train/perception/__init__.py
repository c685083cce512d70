"""What pictures look like: features learned without labels, and training against a discriminator."""
