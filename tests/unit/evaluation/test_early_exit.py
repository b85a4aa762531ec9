"""Exit policies as data, and what sure means."""

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from inceptionkit import records
from inceptionkit.errors import InceptionError, RecipeError, WeightsError
from inceptionkit.evaluation.early_exit import (
    RunToTheEnd,
    StopAsStored,
    confidence,
    exit_index,
    gated,
    of_model,
)
from inceptionkit.evaluation.predictor import run_stages
from inceptionkit.model import Card, ExitPolicy, Gate, read_model, write_model, write_policy
from inceptionkit.network import build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net

POLICY = ExitPolicy(
    measure="margin",
    gates=(Gate(exit="first", confidence=0.75, temperature=0.5), Gate(exit="second", confidence=1)),
    temperature=2.0,
    origin={"goal": {"Lose": 0.002}},
)
GATE = {"exit": "first", "confidence": 0.5, "temperature": 1.0}


@pytest.fixture
def folder(tiny: Net, tmp_path: Path) -> Path:
    state = {k: v.numpy() for k, v in build(tiny).state_dict().items() if v.is_floating_point()}
    card = Card(
        architecture=tiny,
        classes=tuple("abcdefghij"),
        preprocessing=Preprocessing(size=16),
    )
    write_model(tmp_path / "model", card, state)
    return tmp_path / "model"


def test_measures_by_hand() -> None:
    rows = [[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]]
    probabilities = np.array(rows, np.float32)
    entropy = [stats.entropy(row, base=3) for row in rows]

    assert confidence(probabilities, "probability").tolist() == pytest.approx([0.7, 1, 1 / 3])
    assert confidence(probabilities, "margin").tolist() == pytest.approx([0.5, 1, 0], abs=1e-7)
    assert confidence(probabilities, "entropy").tolist() == pytest.approx(
        [1 - e for e in entropy], abs=1e-6
    )


def test_a_policy_comes_back_from_json() -> None:
    plain = json.loads(json.dumps(records.to_json(POLICY)))

    assert records.from_json(ExitPolicy, plain, at="policy", error=WeightsError) == POLICY


def test_a_policy_is_stored_with_the_model_and_nothing_else_changes(folder: Path) -> None:
    before = json.loads((folder / "model.json").read_text())
    tensors = (folder / "model.safetensors").read_bytes()
    written = write_policy(folder, POLICY)
    after = json.loads((folder / "model.json").read_text())

    assert before["exit_policy"] is None
    assert read_model(folder)[0].exit_policy == POLICY
    assert written == folder / "model.json"
    assert {**after, "exit_policy": None} == before
    assert (folder / "model.safetensors").read_bytes() == tensors


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gates": [{**GATE, "exit": "third"}]}, "tiny has no exit 'third'; there are first, sec"),
        ({"gates": [{**GATE, "confidence": 1.5}]}, "confidence must lie between 0 and 1, got 1.5"),
        (
            {"gates": [{**GATE, "confidence": "high"}]},
            "exit_policy.gates[0].confidence must be a number, got 'high'",
        ),
        ({"gates": [{**GATE, "temperature": 0}]}, "temperature must be a number above 0, got 0"),
        ({"gates": [GATE, GATE]}, "an exit has two gates, got first, first"),
        ({"gates": [{**GATE, "exit": "second"}, GATE]}, "in the order of the trunk, first, second"),
        ({"gates": 3}, "exit_policy.gates must be a list, got 3"),
        ({"gates": [{"exit": "first"}]}, "exit_policy.gates[0]: 'confidence' is missing"),
        (
            {"measure": "marginal"},
            "exit_policy.measure must be probability or margin or entropy",
        ),
        (
            {"temperature": math.inf},
            "cannot be read as JSON (Infinity is no number)",
        ),
        ({"when": "always"}, "exit_policy: unknown key 'when'"),
    ],
)
def test_a_damaged_policy_is_told(folder: Path, change: dict[str, Any], said: str) -> None:
    write_policy(folder, POLICY)
    data = json.loads((folder / "model.json").read_text())
    data["exit_policy"] |= change
    (folder / "model.json").write_text(json.dumps(data))
    with pytest.raises(WeightsError) as error:
        read_model(folder)

    assert said in str(error.value)
    assert str(error.value).endswith("; copy the model folder again")


def test_a_policy_that_is_no_object(folder: Path) -> None:
    data = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(data | {"exit_policy": [1]}))
    with pytest.raises(InceptionError, match=r"exit_policy must be an object, got \[1\]"):
        read_model(folder)


def test_the_stored_policy_is_used_when_asked_for(folder: Path, tiny: Net) -> None:
    card, _ = read_model(folder)
    with pytest.raises(RecipeError, match=r"^runs/x: no exit policy is stored with it; choose one"):
        of_model(StopAsStored(), card, "runs/x")
    write_policy(folder, POLICY)
    card, _ = read_model(folder)

    assert of_model(StopAsStored(), card) == POLICY
    assert of_model(None, card) == RunToTheEnd()
    assert gated(RunToTheEnd(), tiny).gates == ()


def test_a_policy_of_another_network(tiny: Net) -> None:
    with pytest.raises(WeightsError, match=r"^exit policy: tiny has no exit 'exit1'"):
        gated(ExitPolicy(gates=(Gate(exit="exit1", confidence=0.5),)), tiny)


@pytest.mark.parametrize(
    "thresholds", [(0.6, 0.7), (0.0, 0.5), (1.0, 1.0), (None, 0.6), (0.7, None)]
)
def test_running_stages_answers_where_the_confidences_say(
    thresholds: tuple[float | None, ...],
) -> None:
    """One rule on numbers and on stages; an image that has left runs no further."""
    names, random = ("first", "second", "main"), np.random.default_rng(0)
    table = {name: random.dirichlet(np.ones(3), 50).astype(np.float32) for name in names}
    seen: dict[str, list[int]] = {}

    def stage(name: str, x: np.ndarray, _: float) -> tuple[np.ndarray, np.ndarray]:
        seen[name] = x.tolist()
        return table[name][x], x

    policy = ExitPolicy(
        gates=tuple(
            Gate(exit=name, confidence=threshold)
            for name, threshold in zip(names, thresholds, strict=False)
            if threshold is not None
        )
    )
    runs = {name: partial(stage, name) for name in names}
    found, number = run_stages(runs, np.arange(50), policy)
    expected = exit_index(np.stack([table[n].max(1) for n in names[:2]]), thresholds)

    assert number.tolist() == expected.tolist()
    assert np.array_equal(found, np.stack([table[names[n]][i] for i, n in enumerate(expected)]))
    assert all(x == np.flatnonzero(expected >= names.index(n)).tolist() for n, x in seen.items())


def test_the_threshold_itself_is_enough() -> None:
    sure = np.array([[0.75, 0.25]], np.float32)
    runs = dict.fromkeys(("first", "main"), lambda x, _: (sure, x))
    policy = ExitPolicy(gates=(Gate(exit="first", confidence=0.75),))

    assert run_stages(runs, np.arange(1), policy)[1].tolist() == [0]
    assert exit_index(sure.max(1)[None], (0.75,)).tolist() == [0]
