"""`evaluate`: models on labeled images, per exit and per class, with early exits or many crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from inceptionkit.arguments import CLASSES, DATA, EARLY_EXIT, IMAGE_COLUMN, LABEL_COLUMN, LISTENER
from inceptionkit.display import SHOWN
from inceptionkit.errors import OptionError
from inceptionkit.options import Argument, Option, several, verb
from inceptionkit.progress import Listener
from inceptionkit.results import ScoredResult

if TYPE_CHECKING:
    from inceptionkit.evaluation.crop_table import CropStudy
    from inceptionkit.evaluation.early_exit import AnyPolicy
    from inceptionkit.evaluation.evaluate import Evaluation
    from inceptionkit.evaluation.exits.study import ExitStudy

GOAL, LEVEL = "-1%", 0.9
MEASURE: Final = "probability"  # of `exits`, unless others are given


@dataclass(frozen=True)
class EvaluateRequest:
    """Which models to evaluate, on what, and how."""

    models: Annotated[
        Sequence[str | Path] | Path,
        Argument("Folders of runs or models; several are also evaluated together.", "MODEL"),
    ]
    data: Annotated[str | Path, DATA]
    _: KW_ONLY
    early_exit: Annotated[str | float | AnyPolicy | None, EARLY_EXIT] = None
    exits: Annotated[
        bool, Option("Choose an exit policy on the validation set and measure it on the test set.")
    ] = False
    goal: Annotated[
        str | None,
        Option(
            "With --exits: a top-1 (97.5%), a loss against main (-1%), or a mean cost (12MMAC).",
            default=GOAL,
        ),
    ] = None
    confidence_level: Annotated[
        float | None,
        Option(
            "With --exits: probability of meeting the goal.", min=0.5, max=0.999, default=f"{LEVEL}"
        ),
    ] = None
    confidence_measure: Annotated[
        Literal["probability", "margin", "entropy"] | None,
        Option("With --exits: measure of confidence.", default=MEASURE),
    ] = None
    store: Annotated[bool, Option("With --exits: store the policy in the model's folder.")] = False
    crops: Annotated[
        str | None,
        Option("The papers' test crops, such as 1,10,144, or short sides, as 256+320.", "LIST"),
    ] = None
    classes: Annotated[str | Sequence[str] | None, CLASSES] = None
    image_column: Annotated[str | None, IMAGE_COLUMN] = None
    label_column: Annotated[str | None, LABEL_COLUMN] = None
    listener: Annotated[Listener | None, LISTENER] = SHOWN

    def __post_init__(self) -> None:
        modes = {
            "--early-exit": self.early_exit is not None,
            "--exits": self.exits,
            "--crops or several models": self.crops is not None or len(several(self.models)) > 1,
        }
        modes_given = [name for name, given in modes.items() if given]
        of_exits = ("goal", "confidence_level", "confidence_measure", "store")
        stray = [name for name in of_exits if getattr(self, name) and not self.exits]
        if len(modes_given) > 1:
            msg = f"{modes_given[0]} cannot be combined with {modes_given[1]}"
            raise OptionError(msg)
        if stray:
            msg = f"--{stray[0].replace('_', '-')} only applies with --exits"
            raise OptionError(msg)


@dataclass(frozen=True, kw_only=True, repr=False)
class EvaluateResult(ScoredResult):
    """What models are worth on some images.

    Attributes:
        models, data: as they were given.
        evaluation: of the model; of the policy, or of all models with the last crops, if asked for.
        exits, crops: the policy that was chosen; models and crops; None unless asked for.
    """

    models: tuple[str, ...]
    data: str
    evaluation: Evaluation
    exits: ExitStudy | None = None
    crops: CropStudy | None = None

    @property
    def top1(self) -> float:
        """Accuracy, from 0 to 1."""
        return self.evaluation.scores.top1

    def to_json(self) -> dict[str, Any]:
        """What `evaluate --json` prints."""
        return (self.exits or self.crops or self.evaluation).to_json()


@verb(EvaluateRequest)
def evaluate(request: EvaluateRequest) -> EvaluateResult:
    """Evaluate one or more models on labeled images, per exit and per class.

    Images that a model was trained on are left out, whatever their names and format.

    Raises:
        WeightsError: a model is missing or damaged, has no exits, or has other classes.
        DataError: the images have a class that the model does not know, or none is usable.
        RecipeError: there is no stored policy, or none can be promised to meet the goal.
    """
    from inceptionkit.data import Source

    source = Source(request.data, request.classes, request.image_column, request.label_column)
    names, data, listener = several(request.models), str(request.data), request.listener
    if request.crops is not None or len(names) > 1:
        from inceptionkit.evaluation.crop_table import evaluate_crops
        from inceptionkit.evaluation.multi_crop import parse_protocols

        protocols = parse_protocols(request.crops or "1")
        crops = evaluate_crops(names, source, crops=protocols, listener=listener)
        return EvaluateResult(models=names, data=data, evaluation=crops.evaluation, crops=crops)
    if request.exits:
        from inceptionkit.evaluation.exits.goals import parse_goal
        from inceptionkit.evaluation.exits.study import evaluate_exits

        goal = parse_goal(request.goal or GOAL, request.confidence_level or LEVEL)
        measure = request.confidence_measure or MEASURE
        study = evaluate_exits(
            names[0], source, goal=goal, measure=measure, store=request.store, listener=listener
        )
        return EvaluateResult(models=names, data=data, evaluation=study.evaluation, exits=study)
    from inceptionkit.evaluation.early_exit import parse_early_exit
    from inceptionkit.evaluation.evaluate import evaluate as evaluated

    policy = parse_early_exit(request.early_exit)
    one = evaluated(names[0], source, policy=policy, listener=listener)
    return EvaluateResult(models=names, data=data, evaluation=one)
