"""Published sets of noisy photographs, read from the folders that their authors hand out: one file per set.

None of them travels with campipe. `open_set("sid", folder)` gives pairs of frames, read when they are asked for.
"""

from campipe.io.datasets.pairs import Pair, PairSet, open_set, set_names

__all__ = ["Pair", "PairSet", "open_set", "set_names"]
