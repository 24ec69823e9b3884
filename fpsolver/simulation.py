r"""The one time loop: step, record, watch, stop, and say why.

Records are at multiples of ``every`` by index, so that times do not drift; the steps between two stops are
equal and land on the stop exactly. ``steady`` means int abs(dW/dt) <= tolerance x slowest decay rate, which
bounds the L1 distance to the steady state by about the tolerance, in any units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from fpsolver import krylov, mirror, watch
from fpsolver.checks import Checks
from fpsolver.generator import Generator
from fpsolver.kernels.axes import PAD
from fpsolver.physics.potentials import FloatArray
from fpsolver.recorder import Record, make_record, phase_space
from fpsolver.snapshots import SnapshotKeeper
from fpsolver.stepping.explicit import ORDERS, RungeKutta
from fpsolver.stepping.magnus import Magnus
from fpsolver.thermo.state import PhaseSpace, State
from fpsolver.trajectory import Plan, Position, Trajectory

Progress = Callable[[float, float], None]
# Called with time, W (read-only) and the numbers of each record; True ends the run.
Observer = Callable[[float, FloatArray, Record], object]


class Stepper(Protocol):
    """What the loop asks for."""

    cells_at_once: int  # cell updates of one call: under a second or so, after which the run may be asked to stop

    def advance(self, W: FloatArray, time: float, dt: float, steps: int) -> None:
        """Take ``steps`` steps of size ``dt`` from ``time``, changing the padded W in place."""


# Called with the position after every few steps; keeps it safe, or ends the run by KeyboardInterrupt.
Guard = Callable[[Position], None]


def simulate(
    generator: Generator,
    start: FloatArray | Position,
    plan: Plan,
    progress: Progress | None = None,
    guard: Guard | None = None,
    observer: Observer | None = None,
    checks: Checks | None = None,
) -> Trajectory:
    """Run from W, or on from a position, until the plan says stop; complete up to the last record in every case."""
    position = start if isinstance(start, Position) else begin(generator, start, plan)
    trajectory, keeper, time = position.trajectory, position.keeper, position.time
    padded = generator.pad(position.W, generator.empty_padded())
    stepper = make_stepper(generator, plan.stepper, position.W)
    space = phase_space(generator, time)
    checks = checks or Checks(generator)
    try:
        if not trajectory.times:
            _visit(trajectory, generator, space, padded, time, plan, keeper, checks)
            show(trajectory, observer, time)
        while not trajectory.message:
            stop = next_stop(time, plan, keeper)
            steps = max(1, math.ceil((stop - time) / plan.step.at(time) * (1 - 1e-12)))
            _advance(stepper, padded, position, (stop - time) / steps, steps, guard)
            position.time, position.done = stop, 0
            time = stop
            trajectory.steps += steps
            space = phase_space(generator, time, space)
            _visit(trajectory, generator, space, padded, time, plan, keeper, checks)
            show(trajectory, observer, time)
            if progress is not None:
                progress(time, _expected_end(trajectory, plan))
    except KeyboardInterrupt:
        trajectory.complete()
        if not trajectory.times:
            raise
        trajectory.finish("interrupted", f"at time {time:.6g}")
    _warn(trajectory, checks.finish(), checks)
    keeper.store(trajectory)
    return trajectory


def begin(generator: Generator, W: FloatArray, plan: Plan) -> Position:
    """Position at time 0; W even to the last bit if it is so but for round-off, and stays so."""
    if plan.stepper in ORDERS and mirror.can_halve(generator):
        W = mirror.evened(W)
    return Position(W, SnapshotKeeper(plan.snapshots))


def show(trajectory: Trajectory, observer: Observer | None, time: float) -> None:
    """Hand the record of ``time``, if there is one, to the user's function, which may end the run."""
    if observer is None or not trajectory.times or trajectory.times[-1] != time:
        return
    W = trajectory.W.view()
    W.flags.writeable = False
    if observer(time, W, dict(trajectory.records[-1])) is True and not trajectory.message:
        trajectory.finish("finished", f"by the callback at t = {time:.6g}")


def _advance(
    stepper: Stepper, padded: FloatArray, position: Position, dt: float, steps: int, guard: Guard | None
) -> None:
    """Steps to the next stop, in groups that depend on the grid alone: the same ones after an interruption."""
    group = max(1, stepper.cells_at_once // position.W.size)
    while position.done < steps:
        count = min(group, steps - position.done)
        stepper.advance(padded, position.time + position.done * dt, dt, count)
        position.done += count
        if guard is not None:
            position.W = padded[..., PAD:-PAD]
            guard(position)


def make_stepper(generator: Generator, name: str, W: FloatArray | None = None) -> Stepper:
    """Stepper of that name, for any state or, quicker where there is a symmetry, for that of W."""
    if name in ORDERS:
        if generator.system.is_time_dependent:
            return Magnus(generator)
        even = W is not None and mirror.is_even_state(W) and mirror.can_halve(generator)
        return RungeKutta(generator, ORDERS[name], even=even)
    from fpsolver.stepping.implicit import Implicit  # scipy.sparse takes 0.2 s to import

    return Implicit(generator)


def solve(
    generator: Generator, plan: Plan, checks: Checks | None = None, progress: Progress | None = None
) -> Trajectory:
    """The steady state without its transient; its trajectory has one record, at time infinity.

    Of one particle by a sparse factorisation, of several by combining what few steps lead to.
    """
    found = _null_vector(generator, plan, progress)
    trajectory = Trajectory(times=[math.inf], snapshot_times=[math.inf], snapshots=[found.W], steps=found.steps)
    trajectory.W, trajectory.dWdt = found.W, generator.apply(found.W)
    record, edges = make_record(State(found.W, phase_space(generator, math.inf)), trajectory.dWdt)
    trajectory.records.append(record)
    checks = checks or Checks(generator)
    _warn(trajectory, checks.look(found.W, record, edges, math.inf), checks)
    if trajectory.message:
        return trajectory
    reason = f" ({plan.why})" if plan.why else ""
    if found.distance <= plan.tolerance:
        trajectory.finish("steady", f"{found.how}{reason}")
    else:
        text = (
            f"by the direct solver: its distance to the steady state is about {found.distance:.2g}, and time.tolerance "
            f"is {plan.tolerance:g}; give a larger {found.cure}, or time.method: stepping"
        )
        trajectory.finish("not_converged", text)
    return trajectory


class _Found(NamedTuple):
    """A steady state, its distance to the exact one in L1, how it was found, and the steps that it took."""

    W: FloatArray
    distance: float
    how: str
    steps: int = 0
    cure: str = "one"  # what should be larger


def _null_vector(generator: Generator, plan: Plan, progress: Progress | None) -> _Found:
    if generator.system.size == 1:
        from fpsolver import steady  # scipy.sparse takes 0.2 s to import, and stepping does not need it

        null = steady.null_vector(generator)
        return _Found(null.W, null.distance, "without stepping")
    assert plan.decay is not None  # whatever becomes steady has one
    rate, tolerance = krylov.safe_rate(generator.system, plan.decay.value), plan.tolerance
    expected = krylov.predicted_time(generator.system, rate, tolerance)
    told = (lambda time: progress(time, expected)) if progress else (lambda _: None)
    found = krylov.null_vector(generator, rate, tolerance, plan.max_time, told)
    how = f"by GMRES, with steps through a time of {found.time:.3g}"
    return _Found(found.W, found.distance, how, found.steps, "one" if found.time < plan.max_time else "time.max_time")


def next_stop(time: float, plan: Plan, keeper: SnapshotKeeper) -> float:
    """The next record or snapshot time, change of the step, or the end."""
    end = min(plan.until, plan.max_time)
    index = math.floor(time / plan.every + 1e-9) + 1
    return min(index * plan.every, keeper.next_time(time), plan.step.reconsider_at(time), end)


def _visit(
    trajectory: Trajectory,
    generator: Generator,
    space: PhaseSpace,
    padded: FloatArray,
    time: float,
    plan: Plan,
    keeper: SnapshotKeeper,
    checks: Checks,
) -> None:
    """Record, watch and decide at one stop."""
    W = np.ascontiguousarray(padded[..., PAD:-PAD])
    first = trajectory.records[0] if trajectory.records else None
    if reason := watch.why_lost(generator, W, first, time):
        trajectory.finish("failed", reason)
        return
    on_schedule = _is_record_time(time, plan.every)
    keeper.offer(time, W, on_schedule=on_schedule)
    if not on_schedule and time < min(plan.until, plan.max_time):
        return
    dWdt = generator.apply(W, time=time)
    record, edges = make_record(State(W, space), dWdt)
    if generator.system.is_time_dependent:
        record["cp_margin"] = space.system.cp_margin()
    trajectory.add(time, record, W, dWdt)
    started_positive = watch.starts_positive(generator, trajectory.records[0])
    turn = len(trajectory.records) - 1
    _warn(trajectory, checks.look(W, record, edges, time, turn=turn, started_positive=started_positive), checks)
    if not trajectory.message:
        _decide(trajectory, plan, time, settled=time >= generator.system.settled)


def _warn(trajectory: Trajectory, found: dict[str, str], checks: Checks) -> None:
    """Keep the first warning of each kind; the end of the run where checks are strict."""
    for kind, text in found.items():
        trajectory.warnings.setdefault(kind, text)
    if found and checks.strict:
        trajectory.finish("failed", f"{next(iter(found.values()))} (checks.strict)")


def _is_record_time(time: float, every: float) -> bool:
    return abs(time / every - round(time / every)) < 1e-9


def _decide(trajectory: Trajectory, plan: Plan, time: float, *, settled: bool) -> None:
    """End the run if it has ended; nothing is steady before the coefficients are."""
    if math.isfinite(plan.until):
        if time >= plan.until:
            trajectory.finish("finished", f"at t = {time:.6g}")
        return
    residual = float(np.asarray(trajectory.records[-1]["residual"]))
    rate = decay_rate(trajectory, plan)
    is_near = rate is not None and residual <= plan.tolerance * rate
    if settled and rate is not None and is_near and has_settled(trajectory, plan, rate):
        trajectory.finish("steady", f"at t = {time:.6g}")
    elif time >= plan.max_time:
        target = "the slowest decay rate, which says how small is steady, is not known yet"
        if rate is not None:
            target = f"steady means {plan.tolerance * rate:.3g}"
        text = f"at t = {time:.6g}: int |dW/dt| is {residual:.3g}, and {target}; give a larger time.max_time"
        trajectory.finish("not_converged", text)


def decay_rate(trajectory: Trajectory, plan: Plan) -> float | None:
    """Slowest decay rate: exact where known, else the slope of ln(residual) over the last ten records.

    The slope sees what moves now: in a deep double well that is the motion inside a well, long before the wells
    exchange anything. So it counts for at most ten times the estimate, which knows the barrier.
    """
    if plan.decay is not None and plan.decay.is_exact:
        return plan.decay.value
    if len(trajectory.records) < 10:
        return None
    residuals = np.array([float(np.asarray(record["residual"])) for record in trajectory.records[-10:]])
    if (residuals <= 0).any():
        return None
    slope = -float(np.polyfit(np.array(trajectory.times[-10:]), np.log(residuals), 1)[0])
    ceiling = 10 * plan.decay.value if plan.decay is not None else math.inf
    return min(slope, ceiling) if slope > 0 else None


def has_settled(trajectory: Trajectory, plan: Plan, rate: float) -> bool:
    """True if Phi is as near to its end as W: it has not changed by more than the tolerance in a quarter of 1/rate.

    The residual bounds int abs(W - W_S) by the tolerance, but an error delta of <p^2> is an L1 error of delta/2 only.
    Relative to max(Pi, abs Phi, damping).
    """
    now = trajectory.records[-1]
    k = int(np.searchsorted(trajectory.times, trajectory.times[-1] - 0.25 / rate, side="right")) - 1
    elapsed = trajectory.times[-1] - trajectory.times[max(k, 0)]
    values = [float(np.asarray(record["entropy_flux"])) for record in (now, trajectory.records[max(k, 0)])]
    if not np.isfinite(values).all() or elapsed <= 0:
        return True
    scale = max(float(np.asarray(np.nan_to_num(now["entropy_production"]))), abs(values[0]), plan.damping)
    return abs(values[0] - values[1]) <= plan.tolerance * scale * rate * elapsed


def _expected_end(trajectory: Trajectory, plan: Plan) -> float:
    """When the run will probably end, for the progress bar."""
    if math.isfinite(plan.until):
        return plan.until
    rate = decay_rate(trajectory, plan)
    residual = float(np.asarray(trajectory.records[-1]["residual"]))
    if rate is None or residual <= 0:
        return plan.max_time
    left = max(math.log(residual) - math.log(plan.tolerance) - math.log(rate), 0.0) / rate  # their product may be zero
    return min(trajectory.times[-1] + left, plan.max_time)
