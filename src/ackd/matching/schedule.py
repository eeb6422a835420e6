"""When dynamic matching runs."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["rematch_epochs", "scale_epochs"]


def rematch_epochs(e0: int, delta: int, mu: int, count: int) -> list[int]:
    """The epochs of dynamic matching, eq 13 of arXiv 2511.08901.

    e_t = e0 + sum_{i=1..t} (delta + mu (i - 1)) for t = 0, 1, ..., count - 1. The paper's text
    starts at t = 1 and calls e0 the first epoch; both hold only when t starts at 0.

    Args:
        e0: First epoch, counted from 0.
        delta: Epochs from the first matching to the second, at least 0.
        mu: Epochs by which each further gap is longer, at least 0.
        count: How often to match.

    Returns:
        ``count`` ascending epochs, strictly so where delta >= 1.

    Raises:
        ValueError: If a number is negative.
    """
    for name, value in (("e0", e0), ("delta", delta), ("mu", mu), ("count", count)):
        if value < 0:
            raise ValueError(f"The matching schedule needs {name} >= 0, but {name}={value}.")
    return [e0 + t * delta + mu * t * (t - 1) // 2 for t in range(count)]


def scale_epochs(epochs: Iterable[int], max_epochs: int, reference: int = 200) -> list[int]:
    """Carry a schedule made for ``reference`` epochs over to a run of another length.

    Args:
        epochs: Epochs of the reference schedule.
        max_epochs: Length of the run, at least 1.
        reference: Length for which ``epochs`` were chosen.

    Returns:
        epoch * max_epochs / reference, halves rounded up, ascending, without duplicates and
        without epochs that the run does not reach.

    Raises:
        ValueError: If a length is below 1 or an epoch below 0.
    """
    wanted = list(epochs)
    if max_epochs < 1 or reference < 1 or min(wanted, default=0) < 0:
        raise ValueError(
            f"A schedule needs lengths >= 1 and epochs >= 0, but max_epochs={max_epochs}, "
            f"reference={reference}, epochs={wanted}."
        )
    # Integer arithmetic: round() takes halves to the even neighbour.
    scaled = {(2 * epoch * max_epochs + reference) // (2 * reference) for epoch in wanted}
    return sorted(epoch for epoch in scaled if epoch < max_epochs)
