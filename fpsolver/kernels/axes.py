"""What the axes of a grid of any dimension add to dW/dt along one row of cells.

Part of :mod:`fpsolver.kernels.phase_space`, which explains the formulas and the layout.
"""

from __future__ import annotations

from fpsolver.kernels.jit import inlined
from fpsolver.kernels.pointers import put
from fpsolver.kernels.simd import EIGHT, beside, join, load_eight, splat_eight, store

PAD = 4  # the widest stencil, order 8; half a vector

# Below, arrays are pointers (kernels/pointers.py): a reference counted up and down for each row took as long as the
# arithmetic of its cells. t: Tables, room: Room (kernels/coefficients.py).


@inlined
def take(pointer, at, like):
    """Numbers from ``at`` on as a tuple as long as ``like``."""
    for m in range(len(like)):
        like = put(like, m, pointer[at + m])
    return like


@inlined
def sum_eight(a, t, room, W, at, axes, end):
    """Add the terms of the cells W[at], .., W[at + 7] to a: of so many axes, and of the list up to ``end``."""
    for g in range(axes):
        for m in range(2 * len(t.first)):
            a += room.steady[g * EIGHT + m] * load_eight(W, at + t.near[room.slots[g] + m])
    for i in range(end):
        a += room.weights[i] * load_eight(W, at + room.distances[i])
    return a


@inlined
def add_four(a, b, c, d, W, x, weight):
    """Weight x 32 cells: the weight is read once for four vectors."""
    a += weight * load_eight(W, x)
    b += weight * load_eight(W, x + EIGHT)
    c += weight * load_eight(W, x + 2 * EIGHT)
    d += weight * load_eight(W, x + 3 * EIGHT)
    return a, b, c, d


@inlined
def sum_four(a, b, c, d, t, room, W, at, axes, end):
    """The same as ``sum_eight`` for 32 cells."""
    for g in range(axes):
        for m in range(2 * len(t.first)):
            a, b, c, d = add_four(a, b, c, d, W, at + t.near[room.slots[g] + m], room.steady[g * EIGHT + m])
    for i in range(end):
        a, b, c, d = add_four(a, b, c, d, W, at + room.distances[i], room.weights[i])
    return a, b, c, d


@inlined
def start(sums, r, fresh):
    """Zero, or what is there already."""
    return splat_eight(0.0) if fresh else load_eight(sums, r)


@inlined
def sum_row(t, room, W, at, axes, end, to_row, fresh):
    """Terms of a row into room.sums[to_row], ..; ``fresh``: store them, do not add."""
    n, sums, rest, x = t.shape[len(t.shape) - 1], room.sums, splat_eight(0.0), 0
    tail = n - EIGHT
    if n % EIGHT != 0:
        rest = sum_eight(start(sums, to_row + tail, fresh), t, room, W, at + tail, axes, end)
    while x + 4 * EIGHT <= n:
        r = to_row + x
        a, b = start(sums, r, fresh), start(sums, r + EIGHT, fresh)
        c, d = start(sums, r + 2 * EIGHT, fresh), start(sums, r + 3 * EIGHT, fresh)
        a, b, c, d = sum_four(a, b, c, d, t, room, W, at + x, axes, end)
        store(sums, r, a)
        store(sums, r + EIGHT, b)
        store(sums, r + 2 * EIGHT, c)
        store(sums, r + 3 * EIGHT, d)
        x += 4 * EIGHT
    while x + EIGHT <= n:
        store(sums, to_row + x, sum_eight(start(sums, to_row + x, fresh), t, room, W, at + x, axes, end))
        x += EIGHT
    if n % EIGHT != 0:  # cells of which some are there already, from the same numbers
        store(sums, to_row + tail, rest)


@inlined
def along(rates, W, c, ups, downs, above, below, velocity, y, own, first):
    """Add one axis with velocity own + velocity[y] to the rates of 8 cells."""
    up, down = load_eight(W, c + ups[0]), load_eight(W, c + downs[0])
    odd = up - down
    rates += above[0] * up
    rates += below[0] * down
    for m in range(1, len(first)):
        up, down = load_eight(W, c + ups[m]), load_eight(W, c + downs[m])
        odd += first[m] * (up - down)
        rates += above[m] * up
        rates += below[m] * down
    return rates - (splat_eight(own) + load_eight(velocity, y)) * odd


@inlined
def differences(W, c, first, second):
    """Antisymmetric and symmetric difference of LANES cells along their row, with their weights."""
    up, down = beside(W, c, 1), beside(W, c, -1)
    odd, even = up - down, second[0] * (up + down)
    for m in range(1, len(first)):
        up, down = beside(W, c, m + 1), beside(W, c, -m - 1)
        odd += first[m] * (up - down)
        even += second[m] * (up + down)
    return odd, even


@inlined
def along_row(rates, W, c, velocity, first, second):
    """Add the axis of the row, p_N, to the rates of LANES cells, with a vector of velocities.

    (With ``differences``, whose symmetric part comes as a sum of its own, 8 cells take 22 instead of 20 cycles, Zen 4.)
    """
    up, down = beside(W, c, 1), beside(W, c, -1)
    odd = up - down
    rates += second[0] * (up + down)
    for m in range(1, len(first)):
        up, down = beside(W, c, m + 1), beside(W, c, -m - 1)
        odd += first[m] * (up - down)
        rates += second[m] * (up + down)
    return rates - velocity * odd


@inlined
def difference(W, c, first):
    """First difference of 8 cells along their row."""
    odd = load_eight(W, c + 1) - load_eight(W, c - 1)
    for m in range(1, len(first)):
        odd += first[m] * (load_eight(W, c + m + 1) - load_eight(W, c - m - 1))
    return odd


@inlined
def finish_row(t, W, target, at, part):
    """Walls at the ends of a row that is computed but for them, and its halo.

    Its last four and its first four cells are neighbours on the wrapped row, and one vector for both ends.
    """
    n, k = t.shape[len(t.shape) - 1], len(t.first)
    edge = join(target, at + n - PAD, at)
    if t.walled:
        wall = splat_eight(0.0)
        for c in range(2 * k):
            wall += W[at - k + c] * load_eight(t.ends, c * EIGHT)
        edge += part * wall
    store(target, at - PAD, edge)
    store(target, at + n - PAD, edge)


@inlined
def finish_four(t, W, target, at, part):
    """The same for four rows."""
    n, k = t.shape[len(t.shape) - 1], len(t.first)
    step = n + 2 * PAD
    second, third, fourth = at + step, at + 2 * step, at + 3 * step
    e, f = join(target, at + n - PAD, at), join(target, second + n - PAD, second)
    g, h = join(target, third + n - PAD, third), join(target, fourth + n - PAD, fourth)
    if t.walled:
        i, j, r, s = splat_eight(0.0), splat_eight(0.0), splat_eight(0.0), splat_eight(0.0)
        for c in range(2 * k):
            weights, d = load_eight(t.ends, c * EIGHT), c - k
            i += W[at + d] * weights
            j += W[second + d] * weights
            r += W[third + d] * weights
            s += W[fourth + d] * weights
        e += part * i
        f += part * j
        g += part * r
        h += part * s
    for x in (at - PAD, at + n - PAD):
        store(target, x, e)
        store(target, x + step, f)
        store(target, x + 2 * step, g)
        store(target, x + 3 * step, h)


@inlined
def make_periodic(W, at, n):
    """Fill the halo of the row whose first inner cell is at ``at``."""
    for t in range(PAD):
        W[at - PAD + t] = W[at + n - PAD + t]
        W[at + n + t] = W[at + t]


@inlined
def unroll(W, at, n, reach, line, start):
    """Copy a row with as many periodic cells at both ends as the kicks reach, n cells from line[start + reach]."""
    for t in range(n + 2 * reach):
        line[start + t] = W[at + (t - reach) % n]
