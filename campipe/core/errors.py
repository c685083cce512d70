"""The errors that campipe raises: what was expected, what came, and what to do about it."""

from __future__ import annotations


class CampipeError(ValueError):
    """Any refusal by campipe, in one line: what was expected, what came, and what to do.

    Stages put their names before the message on its way up (`within`), so that it arrives with the whole path.
    """

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"in {'.'.join(path)}: {message}" if path else message)
        self.message = message
        self.path = path

    def within(self, name: str) -> CampipeError:
        """Return the same error with the enclosing stage `name` put before its path."""
        return type(self)(self.message, (name, *self.path))

    def __reduce__(self) -> tuple[type[CampipeError], tuple[str, tuple[str, ...]]]:
        # Keeps the path when a worker process hands the error over.
        return type(self), (self.message, self.path)


class SpaceError(CampipeError):
    """A value stands at another place of the light path than the one that was needed."""


class ShapeError(CampipeError):
    """A tensor has another shape than the one that was needed."""


class RecipeError(CampipeError):
    """A recipe, or a part named by one, cannot be used; the message names file, line and key."""


class RawFileError(CampipeError):
    """A photo or raw file cannot be read or written."""


class ProfileError(CampipeError):
    """A camera profile is missing, incomplete or out of its range."""


class LawError(CampipeError):
    """A stage has no closed form for the statistics that were asked of it."""
