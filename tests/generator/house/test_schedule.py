"""Budget, averages, log and checkpoints survive interruption."""

import json
import os
import signal
import time

import pytest
import torch

from generator.house.schedule import (
    Averages,
    Budget,
    Log,
    PowerAverages,
    Stopper,
    cosine_rate,
    load_checkpoint,
    save_checkpoint,
)


def test_the_learning_rate_warms_up_and_ends_at_two_percent():
    assert cosine_rate(1.0, 0, 10_000, 100) == pytest.approx(0.01, rel=1e-3)
    assert cosine_rate(1.0, 100, 10_000, 100) == pytest.approx(1.0, rel=1e-3)
    assert cosine_rate(1.0, 5_000, 10_000, 100) == pytest.approx(0.51, rel=1e-3)
    assert cosine_rate(1.0, 10_000, 10_000, 100) == pytest.approx(0.02, rel=1e-3)


def test_time_spent_before_counts_and_what_is_skipped_does_not():
    budget = Budget(1.0, spent=30.0)
    assert 30.0 <= budget.spent < 31.0
    time.sleep(0.3)
    budget.skip()
    assert budget.spent < 30.2
    assert not budget.over
    assert Budget(1.0, spent=60.0).over


def test_a_pause_from_outside_costs_no_more_than_one_long_step():
    budget = Budget(1.0)
    budget.longest = 0.05
    time.sleep(0.3)
    assert budget.spent <= 0.06


def test_averages_move_a_part_of_the_way_and_can_be_installed():
    weight = torch.nn.Parameter(torch.zeros(3))
    averages = Averages([weight], 0.5)
    weight.data.fill_(1.0)
    averages.update(1000)
    assert torch.allclose(averages.values[0], torch.full((3,), 0.5))
    averages.install()
    assert torch.allclose(weight, torch.full((3,), 0.5))


def test_power_averages_weigh_steps_by_a_power_of_their_number():
    weight = torch.nn.Parameter(torch.zeros(1))
    averages = PowerAverages([weight], 5.0)
    steps = 400
    for step in range(steps):
        weight.data.fill_(float(step))
        averages.update(step)
    number = torch.arange(steps, dtype=torch.float64)
    share = (number + 1.0) ** 5
    assert float(averages.values[0]) == pytest.approx(float((share * number).sum() / share.sum()), rel=0.01)


def test_swapped_averages_are_taken_out_again():
    weight = torch.nn.Parameter(torch.zeros(3))
    averages = PowerAverages([weight], 5.0)
    weight.data.fill_(1.0)
    with averages.swapped():
        assert torch.equal(weight, torch.zeros(3))
    assert torch.equal(weight, torch.ones(3))


def test_a_checkpoint_is_replaced_whole(tmp_path):
    path = tmp_path / "state.pt"
    assert load_checkpoint(path) is None
    save_checkpoint(path, {"step": 1})
    save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 2}
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.pt"]


def test_the_log_appends_lines_of_json(tmp_path):
    for step in (1, 2):
        Log(tmp_path / "log")(step=step, loss=0.5)
    assert [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()] == [
        {"step": 1, "loss": 0.5},
        {"step": 2, "loss": 0.5},
    ]


def test_a_signal_becomes_a_wish():
    old = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        stop = Stopper()
        assert not stop.wanted
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wanted
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
