"""Lists of what a row needs from its neighbours: places, distances and weights, written down before cells are summed.

Part of :mod:`fpsolver.kernels.phase_space`.
"""

from __future__ import annotations

from fpsolver.kernels.jit import inlined
from fpsolver.kernels.simd import LANES, load, store


@inlined
def to(i, m, n, stride):
    """Distance in memory from place i of a periodic axis to place i + m."""
    t = i + m
    t = t - n if t >= n else t
    t = t + n if t < 0 else t
    return (t - i) * stride


# Terms: a table of distances and weights, sum_t weights[t] W[cell + distances[t]]. ``add_*`` return where it ends.


@inlined
def add_term(distances, weights, end, distance, weight):
    """One more."""
    distances[end] = distance
    weights[end] = weight
    return end + 1


@inlined
def add_slope(distances, weights, end, moved, i, n, stride, weight, first):
    """Weight x first difference along one axis, at the cells ``moved`` away."""
    for m in range(len(first)):
        end = add_term(distances, weights, end, moved + to(i, m + 1, n, stride), weight * first[m])
        end = add_term(distances, weights, end, moved + to(i, -m - 1, n, stride), -weight * first[m])
    return end


@inlined
def add_kicks(distances, weights, end, i, n, stride, kicks, own, reach):
    """Quantum terms along the axis of a momentum; ``own``: where its particle and site begin."""
    for m in range(reach[1]):
        shift, weight = reach[0] + m + 1, kicks[own + m]
        end = add_term(distances, weights, end, to(i, shift, n, stride), weight)
        end = add_term(distances, weights, end, to(i, -shift, n, stride), -weight)
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
def list_terms(distances, weights, places, site, sites, cross, kicks, reach, first, shape, strides):
    """Quantum terms of all momenta but p_N, and terms of pairs of axes without p_N; returns their end."""
    size, last, end = len(shape) // 2, len(shape) - 1, 0
    for a in range(last):
        if a >= size:
            own = ((a - size) * sites + site) * reach[1]
            end = add_kicks(distances, weights, end, places[a], shape[a], strides[a], kicks, own, reach)
        for b in range(a + 1, last):
            weight = cross[a * (last + 1) + b]
            if weight != 0.0:
                end = list_pair(distances, weights, end, places, a, b, weight, first, shape, strides)
    return end


@inlined
def weigh_axes(
    slots, steady, places, site, y, sites, block, own, velocity, on_row, uneven, spread, turn, shape, longest, first
):  # fmt: skip
    """Weights of the axes whose velocity is one number in a row, and where their distances are; returns how many.

    Of q_N, which the columns weigh, only walls nearby and the part of the velocity that is the same in all columns.
    """
    size, last, count = len(shape) // 2, len(shape) - 1, 0
    for a in range(last):
        if not uneven[a]:
            place, speed = places[a], own[a * sites + site]
            if a < size - 1 or a >= size:
                speed += velocity[a * block + y]
            else:
                speed += on_row
                if speed == 0.0 and len(first) <= place < shape[a] - len(first):
                    continue
            slots[count] = (a * longest + place) * LANES
            store(steady, count * LANES, load(spread, slots[count]) - speed * load(turn, 0))
            count += 1
    return count


@inlined
def list_pair(distances, weights, end, places, a, b, weight, first, shape, strides):
    """Terms of weight x d_a d_b W: differences of shifted differences."""
    for m in range(len(first)):
        for sign in (1, -1):
            moved = to(places[a], sign * (m + 1), shape[a], strides[a])
            part = sign * weight * first[m]
            end = add_slope(distances, weights, end, moved, places[b], shape[b], strides[b], part, first)
    return end


@inlined
def list_slopes(distances, weights, places, cross, first, shape, strides):
    """Terms of what d/dp_N still acts on: sum_a 2 D_ab d_a W with b the last axis; returns their end."""
    last, end = len(shape) - 1, 0
    for a in range(last):
        weight = cross[a * (last + 1) + last]
        if weight != 0.0:
            end = add_slope(distances, weights, end, 0, places[a], shape[a], strides[a], weight, first)
    return end
