"""What an HDF5 file must not be, before anything of it is read: nothing outside the file, no bombs, no surprises.

HDF5 files may name other files (external links, external storage, virtual datasets), go in circles, declare terabytes
that nobody wrote, and ask for filters that load shared libraries. Files of ours do none of it.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import h5py

from fpsolver import memory

MOST_OBJECTS = 2000  # a sweep of many keys has a hundred
MOST_LEVELS = 4
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
GZIP_RATIO = 1100  # deflate cannot do better than 1032
HEAP, HEADER = b"GCOL\1", 16  # start of a collection, bytes before its first object and before the data of each
SMALL = 2**20  # bytes that are read whatever was written


PLAIN = {h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING, h5py.h5t.ENUM}
OF_SCALES = {b"DIMENSION_LIST", b"REFERENCE_LIST"}  # references between axes and arrays, which are not read


def refuse_broken_heaps(path: Path) -> None:
    """ValueError where HDF5 would read texts of variable length for ever: it believes the sizes in its heaps.

    A heap is a collection ("GCOL", version 1, its size) of objects (index, size); index 0 is the space that is free.
    Layout: HDF5 File Format Specification, section III.E. Numbers of an array may spell "GCOL", too, so a file whose
    seal fits is not to be refused for it.
    """
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = data.find(HEAP)
        while place >= 0:
            _check_heap(data, place)
            place = data.find(HEAP, place + len(HEAP))


def _check_heap(data: mmap.mmap, place: int) -> None:
    end = place + int.from_bytes(data[place + 8 : place + 16], "little")
    place += HEADER
    while place + HEADER <= end:
        index = int.from_bytes(data[place : place + 2], "little")
        size = int.from_bytes(data[place + 8 : place + 16], "little")
        place += size if index == 0 else HEADER + -(-size // 8) * 8
        if place > min(end, len(data)) or (index == 0 and size < HEADER):
            raise ValueError("a heap of its texts is damaged")


def refuse_foreign(file: h5py.File) -> None:
    """ValueError for a file that no fpsolver wrote and that would be dangerous to read."""
    _check_attributes("/", file)
    total = 0
    for name, dataset in _datasets(file, "", 0, [MOST_OBJECTS]):
        total += _checked_size(name, dataset)
    if total > memory.available() / 2:
        raise ValueError(f"its arrays take {total / 2**30:.3g} GiB, more than half of the memory available")


def _datasets(group: h5py.Group, place: str, level: int, budget: list[int]) -> Iterator[tuple[str, h5py.Dataset]]:
    """All datasets, by hard links only; each object takes from the budget, so that circles end."""
    if level > MOST_LEVELS:
        raise ValueError(f"{place} is nested too deeply")
    for name in group:
        budget[0] -= 1
        if budget[0] < 0:
            raise ValueError(f"it has more than {MOST_OBJECTS} objects")
        path = f"{place}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{path} is a link to another place")
        item = group[name]
        _check_attributes(path, item)
        if isinstance(item, h5py.Group):
            yield from _datasets(item, path, level + 1, budget)
        elif isinstance(item, h5py.Dataset):
            yield path, item
        else:
            raise ValueError(f"{path} is neither an array nor a group")


def _check_attributes(name: str, item: h5py.Group | h5py.Dataset) -> None:
    """HDF5 may end in a segmentation fault where a damaged attribute has become a list of lists."""
    for k in range(h5py.h5a.get_num_attrs(item.id)):
        attribute = h5py.h5a.open(item.id, index=k)
        if attribute.name not in OF_SCALES and attribute.get_type().get_class() not in PLAIN:
            raise ValueError(f"the attribute {attribute.name.decode(errors='replace')} of {name} is no number or text")


def _checked_size(name: str, dataset: h5py.Dataset) -> int:
    """Bytes of a dataset that lies in the file itself."""
    if dataset.is_virtual or dataset.external is not None:
        raise ValueError(f"{name} keeps its numbers in another file")
    plist = dataset.id.get_create_plist()
    if {plist.get_filter(k)[0] for k in range(plist.get_nfilters())} - FILTERS:
        raise ValueError(f"{name} is compressed in a way that fpsolver does not use")
    size = int(dataset.size or 0) * int(dataset.dtype.itemsize)
    ratio = GZIP_RATIO if plist.get_nfilters() else 1
    if size > SMALL and size > ratio * dataset.id.get_storage_size():
        raise ValueError(f"{name} declares {size / 2**30:.3g} GiB that were never written")
    return size
