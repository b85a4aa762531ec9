"""The backends that can run one network on this machine: ours, and what others make of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import copytree

from inceptionkit.catalog import SUFFIX, find
from inceptionkit.convert.registry import numbered_classes, read_weights
from inceptionkit.deployment.baselines import BaselineBackends
from inceptionkit.deployment.benchmark import Backend
from inceptionkit.deployment.engines import lacking
from inceptionkit.deployment.export import Export, ExportOptions, main_alone, make_export
from inceptionkit.deployment.load import ENGINES_FOR, EngineWish, load_predictor
from inceptionkit.deployment.memory import peak_when_deployed
from inceptionkit.deployment.onnx import Tensors
from inceptionkit.deployment.parity import load_files
from inceptionkit.deployment.quantize import CalibrationData
from inceptionkit.errors import DataError, DeploymentError
from inceptionkit.evaluation.classifier import Classifier, network_of
from inceptionkit.evaluation.predictor import Predictor, run_stages
from inceptionkit.model import (
    Card,
    ExitPolicy,
    ExportInfo,
    model_folder,
    read_card,
    read_seen,
    write_files,
    write_model,
)
from inceptionkit.model.export_info import Kind, Precision
from inceptionkit.model.seen import SEEN
from inceptionkit.network import build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener
from inceptionkit.spec import classes_of

OURS = "inceptionkit+"  # before the engine that runs our graph
_EXITS = ", exits"  # behind it where the stored exit policy is followed


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A backend that is not in the table, and why."""

    engine: str
    precision: Precision
    reason: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backend that may turn out not to work on this machine."""

    engine: str
    precision: Precision
    make: Callable[[], Backend]


def make_backends(
    candidates: Sequence[Candidate], listener: Listener
) -> tuple[list[Backend], list[LeftOut]]:
    """Make each backend; those that cannot be made are left out, with the reason.

    Raises:
        DeploymentError: none can be made.
    """
    backends: list[Backend] = []
    left: list[LeftOut] = []
    for candidate in candidates:
        listener.say(f"preparing {candidate.engine} in {candidate.precision}")
        try:
            backends.append(candidate.make())
        except (DeploymentError, DataError) as error:
            left.append(LeftOut(candidate.engine, candidate.precision, str(error)))
    if not backends:
        msg = "no engine can run it here: " + "; ".join(one.reason for one in left)
        raise DeploymentError(msg)
    return backends, left


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """An exported model in its folder.

    Attributes:
        card: what its folder says of it.
        exported: what the graphs are.
        folder: where they lie.
        files: their names.
    """

    card: Card
    exported: ExportInfo
    folder: Path
    files: Collection[str]

    def candidates(self, threads: int) -> list[Candidate]:
        """The engines that run it; with its exits too, if it is cut where they stop."""
        exported, policy = self.exported, self.card.exit_policy
        size = sum((self.folder / name).stat().st_size for name in self.files)

        def run(engine: EngineWish, policy: ExitPolicy | None) -> Backend:
            model = load_predictor(self.folder, threads=threads, engine=engine)
            write = partial(copytree, self.folder)
            memory = partial(peak_when_deployed, write, engine, threads)
            return _own_backend(model, engine, exported.precision, size, memory, policy)

        candidates = []
        for engine in ENGINES_FOR[exported.kind]:
            name, precision = f"{OURS}{engine}", exported.precision
            candidates.append(Candidate(name, precision, partial(run, engine, None)))
            if policy is not None and {gate.exit for gate in policy.gates} <= set(exported.stages):
                early = partial(run, engine, policy)
                candidates.append(Candidate(f"{name}{_EXITS}", precision, early))
        return candidates


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A network with its weights.

    Attributes:
        card: what its folder says of it.
        tensors: its weights.
        trained: whether they mean anything.
    """

    card: Card
    tensors: Tensors
    trained: bool = True

    def candidates(
        self, threads: int, data: CalibrationData, listener: Listener
    ) -> list[Candidate]:
        """Our own backends; `data` as `make_export` takes it."""

        def export(kind: Kind, engine: str, precision: Precision) -> Backend:
            need_processor(precision)
            options = ExportOptions(kind=kind, precision=precision)
            made = make_export(self.card, self.tensors, options, data, listener)
            return export_backend(made, engine, threads)

        candidates = [
            Candidate(f"{OURS}{engine}", precision, partial(export, kind, engine, precision))
            for kind, engine, precision in _GRAPHS
        ]
        in_torch = partial(self.in_torch, threads)
        candidates.append(Candidate(f"{OURS}torch", "fp32", in_torch))
        policy = self.card.exit_policy
        if policy is not None and policy.gates:
            early = partial(self._with_exits, policy, threads, listener)
            candidates.append(Candidate(f"{OURS}openvino{_EXITS}", "fp32", early))
        return candidates

    def _with_exits(self, policy: ExitPolicy, threads: int, listener: Listener) -> Backend:
        """The network cut at the exits of its policy."""
        gates = {gate.exit for gate in policy.gates}
        net = self.card.architecture
        net = replace(net, exits=tuple(one for one in net.exits if one.name in gates))
        card = replace(self.card, architecture=net)
        options = ExportOptions(exits=True)
        made = make_export(card, self.tensors, options, None, listener)
        return export_backend(made, "openvino", threads, policy)

    def in_torch(self, threads: int) -> Backend:
        """As `inceptionkit.load` runs it with engine="torch"."""

        def write(place: Path) -> None:
            write_model(place, self.card, self.tensors)

        model = Classifier(self.card, network_of(self.card, self.tensors))
        size = sum(value.nbytes for value in self.tensors.values())
        memory = partial(peak_when_deployed, write, "torch", threads)
        return _own_backend(model, "torch", "fp32", size, memory)

    def baselines(self, threads: int) -> list[Candidate]:
        """What others make of the same network: torch, and engines on its untouched module."""
        module = main_alone(self.card, self.tensors)
        others = BaselineBackends(module, self.card.preprocessing, threads)

        def in_openvino(precision: Precision) -> Backend:
            need_processor(precision)
            return others.openvino(precision)

        return [
            Candidate("torch", "fp32", others.eager),
            Candidate("torch.compile", "fp32", others.compiled),
            Candidate("openvino", "fp32", partial(in_openvino, "fp32")),
            Candidate("openvino", "bf16", partial(in_openvino, "bf16")),
            Candidate("onnxruntime", "fp32", others.onnxruntime),
        ]


_GRAPHS: tuple[tuple[Kind, str, Precision], ...] = (
    ("openvino", "openvino", "fp32"),
    ("openvino", "openvino", "bf16"),
    ("openvino", "openvino", "int8"),
    ("onnx", "onnxruntime", "fp32"),
)


def read_subject(model: str | Path) -> ExportedModel | TrainedModel:
    """Read what is to be run; an architecture gets its first weights and no exits.

    Raises:
        WeightsError: there is no such model, or it is damaged.
        UnknownNameError: there is no such architecture.
        DeploymentError: its graph resizes, or its images are no squares in RGB.
    """
    path = Path(model)
    if path.is_dir():
        folder = model_folder(path)
        card, files = read_card(folder)
        if card.exported is not None:
            if card.exported.resize is not None:
                msg = f"{model}: its graph resizes, and no resize is timed; export it without "
                msg += "--resize, or time the model that it was exported from"
                raise DeploymentError(msg)
            graphs = files.keys() - {SEEN}
            return ExportedModel(read_seen(folder, card, files), card.exported, folder, graphs)
        return TrainedModel(*read_weights(model))
    if path.suffix != SUFFIX and (path.exists() or len(path.parts) > 1):
        return TrainedModel(*read_weights(model))
    net = replace(find(str(model)), exits=())
    if net.image != (3, net.image[1], net.image[1]):
        msg = f"{model}: only networks for square images in RGB are deployed; choose another"
        raise DeploymentError(msg)
    state = build(net).state_dict()
    tensors = {name: v.numpy() for name, v in state.items() if v.is_floating_point()}
    preprocessing, classes = Preprocessing(size=net.image[1]), numbered_classes(classes_of(net))
    card = Card(architecture=net, classes=classes, preprocessing=preprocessing)
    return TrainedModel(card, tensors, trained=False)


def export_backend(
    export: Export, engine: str, threads: int, policy: ExitPolicy | None = None
) -> Backend:
    """An exported model from files as they would lie in its folder; its resize is not run."""
    model = load_files(export.card, export.files, threads)

    def write(place: Path) -> None:
        write_files(place, export.card, export.files)

    precision, size = export.exported.precision, export.final.bytes
    memory = partial(peak_when_deployed, write, engine, threads)
    return _own_backend(model, engine, precision, size, memory, policy)


def _own_backend(
    model: Predictor,
    engine: str,
    precision: Precision,
    size: int,
    memory: Callable[[], int | None],
    policy: ExitPolicy | None = None,
) -> Backend:
    """To the end, or only as far as a policy lets it."""
    whole = f"{OURS}{engine}"
    stages = model.stages(tuple(gate.exit for gate in policy.gates) if policy else ())
    return Backend(
        engine=f"{whole}{_EXITS}" if policy else whole,
        precision=precision,
        bytes=size,
        answer=lambda images: run_stages(stages, images, policy)[0],
        ours=True,
        to_the_end=whole if policy else None,
        memory=memory,
    )


def need_processor(precision: Precision) -> None:
    """Refuse bf16 where it would be fp32 again.

    Raises:
        DeploymentError: the processor does not compute it.
    """
    if precision == "bf16" and (lack := lacking(precision)):
        raise DeploymentError(lack)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use as many threads as the other engines, for a while."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
