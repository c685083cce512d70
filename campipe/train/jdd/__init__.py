"""Joint demosaicking and denoising: its task, the patches that are hard for it, and the net of the study of losses."""
