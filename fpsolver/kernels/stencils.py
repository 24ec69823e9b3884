r"""Central-difference weights of orders 2, 4, 6, 8 on a uniform grid, in closed form (k = order/2).

First derivative  (1/h)   sum_m c_m (W_{i+m} - W_{i-m}),            c_m = (-1)^{m+1} (k!)^2 / (m (k-m)! (k+m)!)
Second derivative (1/h^2) sum_m e_m (W_{i+m} - 2 W_i + W_{i-m}),    e_m = 2 c_m / m

Both are differences of face fluxes: W_{i+m} - W_{i-m} telescopes into sums over the m cells on each side of a
face. The weights solve the moment conditions sum_m 2 m c_m = 1 and sum_m m^2 e_m = 1 with the higher odd
(even) moments zero; the tests check them.
"""

from __future__ import annotations

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
