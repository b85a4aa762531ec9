"""`predict`: files and folders of images through a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inceptionkit.deployment.request import PredictRequest
from inceptionkit.errors import OptionError
from inceptionkit.evaluation.answer import UNSURE_BELOW, Answer
from inceptionkit.options import several, verb
from inceptionkit.results import Result, table

if TYPE_CHECKING:
    from inceptionkit.deployment.bulk import Bulk
    from inceptionkit.evaluation.early_exit import AnyPolicy


@dataclass(frozen=True, repr=False)
class PredictResult(Result):
    """What the model says of each image.

    Attributes:
        answers: in the order of the images; with an error for one that cannot be used, a path that
            does not exist and a folder without images.
        failed: whether there is such an error.
        written: what `out` asks for; there are no answers then.
    """

    answers: tuple[Answer, ...]
    failed: bool
    written: Bulk | None = None

    def to_json(self) -> dict[str, Any]:
        """The answers; `predict --json` prints one on each line."""
        if self.written is not None:
            return asdict(self.written) | {"out": str(self.written.out)}
        return {"answers": [answer.to_json() for answer in self.answers]}

    def _repr_html_(self) -> str:
        keys = ("path", "label", "probability", "exit", "error")
        rows = [answer.to_json() for answer in self.answers]
        return table(keys, [[row.get(key, "") for key in keys] for row in rows])


@verb(PredictRequest)
def predict(request: PredictRequest) -> PredictResult:  # noqa: C901 - who answers, and where
    """Classify images, one answer each; an image that cannot be read is reported and skipped.

    Without a model, the one that ships with the package answers: it knows 300 common scenes and
    objects.

    Raises:
        WeightsError: there is no model, or it is damaged.
        RecipeError: the stored policy is asked for, and the model has none.
        DataError: no image is given, or `out` is there already or is no table.
        OptionError: `draw` is given for a table.
    """
    from inceptionkit.data.sources.inputs import Given, inputs
    from inceptionkit.deployment.load import load_predictor
    from inceptionkit.evaluation.early_exit import of_model, parse_early_exit
    from inceptionkit.evaluation.predictor import TOP
    from inceptionkit.preprocess import UnusableImage, as_rgb
    from inceptionkit.text import printable

    policy, model, paths = None, request.model, request.paths
    if request.early_exit is not None:
        policy = parse_early_exit(request.early_exit)
    if not paths or not any((Path(model) / it).is_file() for it in ("run.json", "model.json")):
        from inceptionkit.convert.registry import model_and_images

        model, paths = model_and_images(model, paths)
    if request.out is not None:
        return _into_table(request, request.out, model, several(paths), policy)
    files: list[Given] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        place = Path(path).expanduser()
        files += [(place, place, None)] if place.is_file() else inputs(path)
    copies = None
    if request.draw is not None:
        from inceptionkit.evaluation.labelled import Copies

        copies = Copies(request.draw, [image for _, image, _ in files])
    predictor = load_predictor(model, images=len(files), device=request.device)
    if policy is not None:
        policy = of_model(policy, predictor.card, str(model))
    if model != request.model and request.on_answer is not None:
        knows, right = predictor.card.origin.get("knows"), predictor.card.metrics.get("top1") or 0
        request.on_answer(f"{model}: knows {knows}, and names {right:.0%} of them right")
    found, below = [], UNSURE_BELOW if request.unsure_below is None else request.unsure_below
    for name, image, missing in files:
        prediction, error, unsure = None, missing, False
        try:
            if not missing:
                content = image() if callable(image) else image
                (prediction,) = predictor.predict([content], policy, top=request.top or TOP)
                unsure = prediction.probability < below
                if copies is not None:
                    copies.draw(str(name), as_rgb(content), prediction)
        except UnusableImage as unusable:
            error = unusable.reason
        answer = Answer(printable(str(name)), prediction, error, unsure)
        found.append(answer)
        if request.on_answer is not None:
            request.on_answer(answer)
    return PredictResult(tuple(found), failed=any(answer.error is not None for answer in found))


def _into_table(
    request: PredictRequest,
    out: str | Path,
    model: str | Path,
    paths: Sequence[str],
    policy: AnyPolicy | None,
) -> PredictResult:
    from inceptionkit.deployment.bulk import predict_into

    if request.draw is not None:
        msg = "--draw cannot be combined with a table; leave out --draw, or --out and --csv"
        raise OptionError(msg)
    report = request.on_answer or (lambda _: None)
    written = predict_into(
        out, model, paths, policy, report, device=request.device, top=request.top or 1,
        unsure_below=UNSURE_BELOW if request.unsure_below is None else request.unsure_below,
    )  # fmt: skip
    report(written)
    return PredictResult((), failed=False, written=written)
