"""Lists of what a row needs from its neighbours: places, distances and weights, written down before cells are summed.

Part of :mod:`fpsolver.kernels.phase_space`.
"""

from __future__ import annotations

from fpsolver.kernels.jit import inlined
from fpsolver.kernels.pointers import plain
from fpsolver.kernels.simd import EIGHT, load_eight, store


@inlined
def to(i, m, n, stride):
    """Distance in memory from place i of a periodic axis to place i + m."""
    t = i + m
    t = t - n if t >= n else t
    t = t + n if t < 0 else t
    return (t - i) * stride


# Terms: a list of distances and weights, sum_i weights[i] W[cell + distances[i]]. ``add_*`` return where it ends.


@inlined
def add_term(room, end, distance, weight):
    """One more."""
    room.distances[end] = distance
    room.weights[end] = weight
    return end + 1


@inlined
def add_slope(t, room, end, moved, a, weight):
    """Weight x first difference along axis a, at the cells ``moved`` away."""
    i, n, stride = room.places[a], t.shape[a], t.strides[a]
    for m in range(len(t.first)):
        end = add_term(room, end, moved + to(i, m + 1, n, stride), weight * t.first[m])
        end = add_term(room, end, moved + to(i, -m - 1, n, stride), -weight * t.first[m])
    return end


@inlined
def add_kicks(t, room, end, i, n, stride, own):
    """Quantum terms along the axis of a momentum; ``own``: where its particle and site begin."""
    for m in range(t.reach[1]):
        shift, weight = t.reach[0] + m + 1, t.kicks[own + m]
        end = add_term(room, end, to(i, shift, n, stride), weight)
        end = add_term(room, end, to(i, -shift, n, stride), -weight)
    return end


@inlined
def find_places(places, first_axis, end_axis, number, shape):
    """Places along consecutive axes from the number of a point in their order."""
    for a in range(end_axis - 1, first_axis - 1, -1):
        places[a] = number % shape[a]
        number //= shape[a]


@inlined
def next_place(places, first_axis, end_axis, shape):
    """Places of the next point."""
    a = end_axis - 1
    while a >= first_axis:
        places[a] += 1
        if places[a] < shape[a]:
            break
        places[a] = 0
        a -= 1


@inlined
def list_terms(t, room, site):
    """Quantum terms of all momenta but p_N, and terms of pairs of axes without p_N; returns their end."""
    size, last, end = len(t.shape) // 2, len(t.shape) - 1, plain(0)
    for a in range(last):
        if a >= size:
            own = ((a - size) * t.sites + site) * t.reach[1]
            end = add_kicks(t, room, end, room.places[a], t.shape[a], t.strides[a], own)
        for b in range(a + 1, last):
            weight = t.cross[a * (last + 1) + b]
            if weight != 0.0:
                end = list_pair(t, room, end, a, b, weight)
    return end


@inlined
def weigh_axes(t, room, site, y, on_row):
    """Weights of the axes whose velocity is one number in a row, and where their distances are; returns how many.

    Of q_N, which the columns weigh, only walls nearby and the part of the velocity that is the same in all columns.
    """
    size, last, count = len(t.shape) // 2, len(t.shape) - 1, 0
    for a in range(last):
        if not t.uneven[a]:
            place, speed = room.places[a], t.on_sites[a * t.sites + site]
            if a < size - 1 or a >= size:
                speed += t.on_momenta[a * t.block + y]
            else:
                speed += on_row
                if speed == 0.0 and len(t.first) <= place < t.shape[a] - len(t.first):
                    continue
            room.slots[count] = (a * t.longest + place) * EIGHT
            store(room.steady, count * EIGHT, load_eight(t.spread, room.slots[count]) - speed * load_eight(t.turn, 0))
            count += 1
    return count


@inlined
def list_pair(t, room, end, a, b, weight):
    """Terms of weight x d_a d_b W: differences of shifted differences."""
    for m in range(len(t.first)):
        for sign in (1, -1):
            moved = to(room.places[a], sign * (m + 1), t.shape[a], t.strides[a])
            end = add_slope(t, room, end, moved, b, sign * weight * t.first[m])
    return end


@inlined
def list_slopes(t, room):
    """Terms of what d/dp_N still acts on: sum_a 2 D_ab d_a W with b the last axis; returns their end."""
    last, none, end = len(t.shape) - 1, plain(0), plain(0)
    for a in range(last):
        weight = t.cross[a * (last + 1) + last]
        if weight != 0.0:
            end = add_slope(t, room, end, none, a, weight)
    return end
