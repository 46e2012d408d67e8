"""Budget, averages and checkpoints survive interruption."""

import pytest
import torch

from generator.house.schedule import Averages, Budget, Log, load_checkpoint, save_checkpoint


def test_the_learning_rate_warms_up_and_ends_at_two_percent():
    fresh, spent = Budget(10.0), Budget(10.0, spent=600.0)
    assert fresh.learning_rate(1.0, 0, 100) == pytest.approx(0.01, rel=1e-3)
    assert fresh.learning_rate(1.0, 1000, 100) == pytest.approx(1.0, rel=1e-3)
    assert spent.learning_rate(1.0, 1000, 100) == pytest.approx(0.02, rel=1e-3)


def test_time_spent_before_counts_and_pauses_do_not():
    budget = Budget(1.0, spent=30.0)
    assert 30.0 <= budget.spent < 31.0
    budget.pause(20.0)
    assert budget.spent < 12.0
    assert not budget.over
    assert Budget(1.0, spent=60.0).over


def test_averages_move_a_part_of_the_way_and_can_be_installed():
    weight = torch.nn.Parameter(torch.zeros(3))
    averages = Averages([weight], 0.5)
    weight.data.fill_(1.0)
    averages.update(1000)
    assert torch.allclose(averages.values[0], torch.full((3,), 0.5))
    averages.install()
    assert torch.allclose(weight, torch.full((3,), 0.5))


def test_a_checkpoint_is_replaced_whole(tmp_path):
    path = tmp_path / "state.pt"
    assert load_checkpoint(path) is None
    save_checkpoint(path, {"step": 1})
    save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 2}
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.pt"]


def test_the_log_appends(tmp_path):
    for line in ("one", "two"):
        Log(tmp_path / "log")(line)
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
