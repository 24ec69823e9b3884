"""Arrays that are computed once and shared: nobody may write into them, since later results depend on them."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

Array = TypeVar("Array", bound=np.ndarray)


def read_only(array: Array) -> Array:
    """The same array, which can no longer be written into."""
    array.setflags(write=False)
    return array


class ReadOnlyArrays:
    """Base of what holds such arrays: they stay so in copies and in what was pickled, of which NumPy makes new ones."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        for value in state.values():
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, np.ndarray):
                    read_only(item)
        self.__dict__.update(state)
