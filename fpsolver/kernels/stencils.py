r"""Central-difference weights of orders 2, 4, 6, 8 on a uniform grid, in closed form (k = order/2).

First derivative  (1/h)   sum_m c_m (W_{i+m} - W_{i-m}),            c_m = (-1)^{m+1} (k!)^2 / (m (k-m)! (k+m)!)
Second derivative (1/h^2) sum_m e_m (W_{i+m} - 2 W_i + W_{i-m}),    e_m = 2 c_m / m

Both are differences of face fluxes: W_{i+m} - W_{i-m} telescopes into sums over the m cells on each side of a
face. The weights solve the moment conditions sum_m 2 m c_m = 1 and sum_m m^2 e_m = 1 with the higher odd
(even) moments zero; the tests check them. Higher odd derivatives solve the same conditions with another right-hand
side.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import factorial

ORDERS = (2, 4, 6, 8)


def first_derivative(order: int) -> tuple[float, ...]:
    """Weights c_1..c_k for spacing 1."""
    k = order // 2
    return tuple(
        (-1) ** (m + 1) * factorial(k) ** 2 / (m * factorial(k - m) * factorial(k + m)) for m in range(1, k + 1)
    )


def second_derivative(order: int) -> tuple[float, ...]:
    """Weights e_1..e_k for spacing 1."""
    return tuple(2 * c / m for m, c in enumerate(first_derivative(order), start=1))


@lru_cache
def odd_derivative(r: int, order: int) -> tuple[float, ...]:
    """Weights of W_{i+m} - W_{i-m} for the r-th derivative, r odd, spacing 1: sum_m 2 m^s w_m = r! if s = r, else 0."""
    width = (order + r - 1) // 2
    rows = [[Fraction(2 * m**s) for m in range(1, width + 1)] for s in range(1, 2 * width, 2)]
    right = [Fraction(factorial(r) if s == r else 0) for s in range(1, 2 * width, 2)]
    return tuple(float(w) for w in _solved(rows, right))


def _solved(rows: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Solution of a small regular linear system in exact arithmetic (Gauss-Jordan)."""
    table = [[*row, value] for row, value in zip(rows, right, strict=True)]
    for i in range(len(table)):
        pivot = next(j for j in range(i, len(table)) if table[j][i] != 0)
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [value / table[i][i] for value in table[i]]
        for j, row in enumerate(table):
            if j != i:
                table[j] = [a - row[i] * b for a, b in zip(row, table[i], strict=True)]
    return [row[-1] for row in table]
