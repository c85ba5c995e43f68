"""Checks of measured."""

import time


def check_total(learner, t):
    """total(n) adds up.

    total(n)은 합입니다.
    """
    n = t.random.randint(10, 99)
    t.equal(learner.total(n), sum(range(n)))


def measure(learner, emit, device):
    """Measure how long a large sum takes, say what cannot be measured, and know odd numbers."""
    began = time.perf_counter()
    emit.true(learner.total(10**6) == 499999500000, "The large sum is wrong.")
    seconds = time.perf_counter() - began
    row = {"unit": "s", "better": "lower", "device": device}
    emit("sum-1m", "seconds", seconds, replicates=1, iqr=0.0, **row)
    emit("sum-1m", "odd", float("nan"), device=device)
    emit("sum-1m-gpu", "seconds", skipped="no cuda", unit="s", better="lower", device="cuda")
