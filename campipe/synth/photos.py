"""Photos: the pictures in a folder, in an order that hangs on nothing but their names."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from campipe.core.errors import RawFileError
from campipe.core.frame import Frame
from campipe.io.files import PHOTOS, read
from campipe.isp.encode import in_srgb

_CACHE_BYTES = 2**28
_cache: OrderedDict[tuple[str, int, int], Frame] = OrderedDict()


@dataclass(frozen=True)
class Photos:
    """Photos under a folder, sorted by their path relative to it.

    root    the folder
    names   relative paths with forward slashes, sorted
    """

    root: Path
    names: tuple[str, ...]

    @classmethod
    def under(cls, place: str | Path | Photos) -> Photos:
        """Find the photos in a folder and the folders in it, or take a single file; a RawFileError says if there are none."""
        if isinstance(place, Photos):
            return place
        root = Path(place)
        if root.is_file():
            return cls(root.parent, (root.name,))
        if not root.is_dir():
            raise RawFileError(f"a folder of photos is needed, but there is no {root}; give the path of one that exists")
        found = sorted(
            path.relative_to(root).as_posix()
            for path in root.rglob("*")
            if path.suffix.lower() in PHOTOS and path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
        )
        if not found:
            raise RawFileError(f"a folder of photos is needed, but {root} holds none; photos end in {', '.join(PHOTOS)}")
        return cls(root, tuple(found))

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        """Relative path of the photo that sample `index` takes."""
        return self.names[index % len(self.names)]

    def read(self, index: int) -> Frame:
        """The photo that sample `index` takes: Frame in "display", sRGB, (1, 3, H, W)."""
        path = self.root / self.name(index)
        try:
            stat = path.stat()
        except OSError as problem:
            raise RawFileError(f"the photo {path} was there and cannot be read any more ({problem.strerror}); put it back") from None
        known = (str(path), stat.st_mtime_ns, stat.st_size)
        if known not in _cache:
            _cache[known] = in_srgb(read(path))
            while len(_cache) > 1 and sum(frame.data.nbytes for frame in _cache.values()) > _CACHE_BYTES:
                _cache.popitem(last=False)
        _cache.move_to_end(known)
        return _cache[known]

    def checksum(self, name: str) -> str:
        """SHA-256 of a photo's file."""
        try:
            with open(self.root / name, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as problem:
            raise RawFileError(f"the photo {self.root / name} cannot be read: {problem.strerror}") from None
