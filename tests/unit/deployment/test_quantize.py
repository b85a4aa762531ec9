"""What int8 may cost is judged as it will run."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inceptionkit.catalog import architecture
from inceptionkit.deployment import quantize
from inceptionkit.deployment.engines import openvino_model
from inceptionkit.deployment.onnx import FEATURES_OUT, PROBABILITIES, library, staged
from inceptionkit.deployment.quantize import (
    ValidationSet,
    _judge,
    _outputs,
    calibration_samples,
    quantize_stages,
)
from inceptionkit.errors import DeploymentError
from inceptionkit.evaluation.confidence import paired
from inceptionkit.evaluation.held_out import Selection


class Names:
    """A compiled model that names what is written in the image."""

    def __call__(self, x: Any) -> dict[str, Any]:
        return {PROBABILITIES: np.eye(4, dtype=np.float32)[x[:, 0]]}


def test_an_image_is_judged_by_its_own_label_whichever_are_picked() -> None:
    """NNCF ranks layers by a part of the images only."""
    images = [np.array([[number % 4]]) for number in range(12)]
    judges = [(image, int(image[0, 0])) for image in images]

    assert _judge(Names(), judges) == (1.0, [1.0] * 12)
    assert _judge(Names(), judges[5:7]) == (1.0, [1.0] * 2)
    assert _judge(Names(), [(images[1], 2)]) == (0.0, [0.0])


def test_an_output_of_many_images_is_theirs_in_order() -> None:
    images = np.arange(101).reshape(-1, 1) % 4

    found = _outputs(Names(), images, PROBABILITIES)  # type: ignore[arg-type]

    assert (found.argmax(1) == images[:, 0]).all()


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Instead of quantizing, a stage that is wrong in its weights; NNCF is not needed."""
    asked: list[Any] = []

    def wrong(model: Any, calibration: Any, *judging: Any) -> Any:
        asked.append((calibration, judging))
        changed = model.clone()
        for node in changed.get_ops():
            if node.get_type_name() == "Convolution":
                weight = node.input_value(1).get_node().data
                signs = np.sign(weight) * np.abs(weight).mean()
                node.input(1).replace_source_output(
                    library("openvino.opset13").constant(signs).output(0)
                )
        return changed

    monkeypatch.setattr(quantize, "quantize", wrong)
    monkeypatch.setattr(quantize, "quantize_with_accuracy_control", wrong)
    return asked


def models(small: Any, exits: tuple[str, ...]) -> dict[str, Any]:
    graphs = staged(small.card.architecture, small.tensors, small.card.preprocessing, exits)
    return {name: openvino_model(graph.SerializeToString()) for name, graph in graphs}


def judged(small: Any) -> tuple[Any, ValidationSet]:
    """Images that the network in floating point names rightly, all of them."""
    images = small.pictures(24)
    return images, ValidationSet(images, small.expected(images)["main"].argmax(1))


def test_every_stage_reads_what_the_quantized_ones_before_it_give(
    small: Any, coarse: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    images, held = judged(small)
    stages = models(small, small.exits)

    read: list[Any] = []
    change = quantize._change
    monkeypatch.setattr(
        quantize,
        "_change",
        lambda before, own, *rest: read.append(own) or change(before, own, *rest),
    )
    found = quantize_stages(stages, images, held, max_drop=1.0, threads=1)

    put = quantize.OpenVino
    run = [put(s.model, size=16, precision="int8", threads=1) for s in found]
    x, each = images, []
    for engine in run:
        results = engine(x)
        each.append(results[PROBABILITIES].argmax(1) == held.labels)
        x = results.get(FEATURES_OUT, x)
    exact = small.expected(images)
    before = [exact[s.name].argmax(1) == held.labels for s in found]
    assert [s.change for s in found] == [paired(*both) for both in zip(before, each, strict=True)]
    assert coarse[1][0].shape == (24, 12, 8, 8), "the second stage is calibrated on features"
    assert np.allclose(coarse[1][0], run[0](images)[FEATURES_OUT])
    assert np.allclose(read[1].images, run[0](images)[FEATURES_OUT])


def test_what_loses_too_much_is_tried_with_care_and_then_refused(
    small: Any, coarse: list[Any]
) -> None:
    pytest.importorskip("openvino")
    images, held = judged(small)
    stages = models(small, ())

    with pytest.raises(
        DeploymentError, match=r"main: int8 changes top-1 by .* allow more with --max-drop"
    ):
        quantize_stages(stages, images, held, max_drop=0.0, threads=1)

    assert len(coarse) == 2
    assert coarse[1][1][0] is held


def drawn(*indices: int) -> Selection:
    return Selection(np.array(indices, np.int64), "drawn here")


def test_neither_what_judges_nor_what_scores_sets_ranges() -> None:
    found = calibration_samples(8, drawn(0, 1), drawn(5, 7))

    assert found.tolist() == [2, 3, 4, 6]


def test_where_all_images_judge_or_score_those_that_score_set_the_ranges() -> None:
    found = calibration_samples(4, drawn(0, 3), drawn(1, 2))

    assert found.tolist() == [1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["latency", "throughput"])
@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-5), ("bf16", 0.01), ("int8", 0.01)])
def test_an_image_alone_and_in_a_batch_differ_by_rounding(
    fill: Any, mode: Any, precision: Any, most: float
) -> None:
    """The bounds of docs/how-to/bench.md. Which kernels a batch gets depends on the processor."""
    pytest.importorskip("nncf")
    model = fill(replace(architecture("compact", classes=10, input=32), exits=()))
    model.tensors["head.1.fc.weight"] *= 3  # so that answers differ
    images = model.pictures(40)
    graph = models(model, ())["main"]
    if precision == "int8":
        graph = quantize.quantize(graph, images)
    run = quantize.OpenVino(graph, size=32, threads=2, precision=precision, mode=mode)
    alone = np.concatenate([run(images[i : i + 1])[PROBABILITIES] for i in range(40)])

    for batch in (2, 7, 40):
        together = _outputs(run, images[:batch], PROBABILITIES)
        assert together == pytest.approx(alone[:batch], abs=most)
    assert alone.std(0).max() > most, "else nothing is tested"
