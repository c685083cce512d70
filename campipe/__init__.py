"""campipe: a differentiable camera, from photons to pixels."""
