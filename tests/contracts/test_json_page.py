"""docs/reference/json.md has every key that `--json` prints, and none that is gone."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints, is_typeddict

import pytest

from inceptionkit.api import (
    bench,
    check,
    compare,
    convert,
    describe,
    design,
    detect_check,
    detect_evaluate,
    detect_export,
    detect_rcnn,
    detect_train,
    embed,
    prune,
    report,
)
from inceptionkit.data.quality import summary
from inceptionkit.deployment.benchmark import BenchmarkRow
from inceptionkit.deployment.bulk import Bulk
from inceptionkit.deployment.export import WrittenExport
from inceptionkit.deployment.parity import Agreement
from inceptionkit.deployment.variants import Variants
from inceptionkit.derive import describe as described
from inceptionkit.derive.design.search import Design
from inceptionkit.detection.find import FoundObjects
from inceptionkit.detection.metrics.coco import CocoScores
from inceptionkit.detection.metrics.summary import DetectionScores
from inceptionkit.evaluation.answer import Answer
from inceptionkit.evaluation.crop_table import CropRow, CropStudy
from inceptionkit.evaluation.evaluate import Evaluation, Scores
from inceptionkit.evaluation.exits.study import ExitStudy
from inceptionkit.evaluation.explain.explanation import ExitExplanation, Explanation
from inceptionkit.evaluation.metrics import ClassScore
from inceptionkit.model.export_info import ExportInfo
from inceptionkit.training.cross_validation import Doubt
from inceptionkit.training.run.finish import TrainResult
from inceptionkit.training.run.record import NothingLearned

PAGE = Path("docs/reference/json.md")
Source: TypeAlias = type | Callable[..., Any]  # a record of fields, or a function that makes keys


def keys(*sources: Source) -> set[str]:
    found: set[str] = set()
    for source in sources:
        if is_dataclass(source):
            found |= {field.name for field in fields(source)}
        elif is_typeddict(source):
            found |= {*get_type_hints(source)}
        else:
            found |= written(source)
    return found


def written(function: Source) -> set[str]:
    """Keys of the dictionaries in a function's source."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        parts = node.keys if isinstance(node, ast.Dict) else []
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            parts = [node.slice]
        found |= {part.value for part in parts if isinstance(part, ast.Constant)}
    return found


PRINTED = {
    "architectures": keys(describe.ArchitecturesResult.to_json, described.ListedNetwork),
    "describe": keys(described.Description.to_json),
    "describe --paper": keys(described.PaperTable, described.PaperRow) | {"paper"},
    "describe --per-path": keys(described.paths_to_json) | {"paths"},
    "describe --rules": keys(described.rules_to_json) | {"rules"},
    "design": keys(design.DesignResult.to_json, Design.to_json),
    "check": keys(check.CheckResult.to_json, summary.summary, summary._group_result, Doubt.to_json)
    | {*summary._LISTED, "modes", "formats"},
    "train": keys(TrainResult, NothingLearned),
    "evaluate": keys(Evaluation, Scores, ClassScore) - {"scores", "confusion"},
    "evaluate --exits": keys(ExitStudy, ExitStudy.to_json)
    - {"evaluation", "exits", "goal", "stored", "gains"}
    | {"confidence", "temperature"},
    "evaluate --crops": keys(CropStudy, CropRow) - {"evaluation"} | {"exits"},
    "embed": keys(embed.EmbedResult.to_json),
    "explain": keys(Explanation.to_json, ExitExplanation),
    "prune": keys(prune.PruneResult.to_json),
    "compare": keys(compare.CompareResult.to_json),
    "convert": keys(convert.ConvertResult.to_json, convert.ConvertResult._network),
    "export": keys(WrittenExport.to_json, ExportInfo, Agreement),
    "export --variants": keys(Variants, Variants.to_json) - {"variants"},
    "bench": keys(bench.BenchResult, BenchmarkRow),
    "detect check": keys(detect_check.DetectCheckResult.to_json),
    "detect train": keys(detect_train.DetectTrainResult),
    "detect rcnn": keys(detect_rcnn.DetectRcnnResult),
    "detect evaluate": keys(
        detect_evaluate.DetectEvaluateResult.to_json, DetectionScores.to_json, CocoScores
    )
    - {"per_class"},
    "detect predict": keys(FoundObjects.to_json),
    "detect export": keys(detect_export.DetectExportResult),
    "report": keys(report.ReportResult.to_json),
    "predict": keys(Answer.to_json),
    "predict --out": keys(Bulk),
}


def rows() -> dict[str, str]:
    """Verb -> the cell with its keys."""
    found = {}
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            verb, cell = line.strip("|").split("|")
            found |= dict.fromkeys(re.findall("`([^`]+)`", verb), cell)
    return found


@pytest.mark.parametrize("verb", PRINTED)
def test_the_page_has_the_keys_that_are_printed(verb: str) -> None:
    printed = PRINTED[verb]
    code = ", ".join(re.findall("`([a-z][^`]+)`", rows()[verb]))

    assert printed - set(re.findall(r"\w+", code)) == set(), "missing on the page"
    assert top_level(code) - printed - PRINTED.keys() == set(), "on the page, and not printed"


def top_level(code: str) -> set[str]:
    """Keys of the object itself."""
    while (shorter := re.sub(r"[{\[][^{}\[\]]*[}\]]", "", code)) != code:
        code = shorter
    return set(re.findall(r"\w+", re.sub(":[^,]*", "", code)))
