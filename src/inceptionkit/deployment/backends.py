"""The ways to run one network that this machine has: ours, and what others make of the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from inceptionkit.api.export import Made, Tensors, Wanted, graphs, main_alone, make
from inceptionkit.catalog.files import SUFFIX, find
from inceptionkit.convert.registry import numbered_classes, read_weights
from inceptionkit.deployment.backend_timing import Way
from inceptionkit.deployment.baselines import Plain
from inceptionkit.deployment.files import RUN_BY, graph_files, load_exported
from inceptionkit.deployment.parity import in_engine
from inceptionkit.deployment.processor import lacking
from inceptionkit.deployment.quantize_model import Teaching
from inceptionkit.errors import DataError, DeploymentError
from inceptionkit.evaluation.classifier import Classifier, network_of
from inceptionkit.evaluation.early_exit import Policy, RunToTheEnd
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.model import Card, ExitPolicy, ExportInfo, model_folder, read_card
from inceptionkit.model.export_info import Kind, Precision
from inceptionkit.network import build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.progress import Listener
from inceptionkit.spec import classes_of

OURS = "inceptionkit+"  # before the engine that runs our graph
EXITS = ", exits"  # behind it where the stored exit policy is followed


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A way that is not in the table, and why."""

    engine: str
    precision: Precision
    reason: str


@dataclass(frozen=True, slots=True)
class Possible:
    """A way that may turn out not to be one on this machine."""

    engine: str
    precision: Precision
    make: Callable[[], Way]


Ways: TypeAlias = tuple[list[Way], list[LeftOut]]


def made(possible: Sequence[Possible], listener: Listener) -> Ways:
    """Make each way; those that cannot be made are left out, with the reason."""
    ways: list[Way] = []
    left: list[LeftOut] = []
    for one in possible:
        listener.say(f"preparing {one.engine} in {one.precision}")
        try:
            ways.append(one.make())
        except (DeploymentError, DataError) as error:
            left.append(LeftOut(one.engine, one.precision, str(error)))
    if not ways:
        msg = "there is no way to run it here: " + "; ".join(one.reason for one in left)
        raise DeploymentError(msg)
    return ways, left


def way_of(
    model: Predictor, engine: str, precision: Precision, size: int, policy: Policy | None = None
) -> Way:
    """One of our own ways: to the end, or only as far as a policy lets it."""
    asked, whole = policy or RunToTheEnd(), f"{OURS}{engine}"
    return Way(
        engine=f"{whole}{EXITS}" if policy else whole,
        precision=precision,
        bytes=size,
        answer=lambda images: model.answers(images, asked)[0],
        ours=True,
        to_the_end=whole if policy else None,
    )


@dataclass(frozen=True, slots=True)
class Graphs:
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


@dataclass(frozen=True, slots=True)
class Network:
    """A network with its weights.

    Attributes:
        card: what its folder says of it.
        tensors: its weights.
        trained: whether they mean anything.
    """

    card: Card
    tensors: Tensors
    trained: bool = True


def subject(model: str | Path) -> Graphs | Network:
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
            return Graphs(card, card.exported, folder, files.keys())
        return Network(*read_weights(model))
    if path.suffix != SUFFIX and (path.exists() or len(path.parts) > 1):
        return Network(*read_weights(model))
    net = replace(find(str(model)), exits=())
    if net.image != (3, net.image[1], net.image[1]):
        msg = f"{model}: only networks for square images in RGB are deployed; choose another"
        raise DeploymentError(msg)
    state = build(net).state_dict()
    tensors = {name: v.numpy() for name, v in state.items() if v.is_floating_point()}
    preprocessing = Preprocessing(size=net.image[1])
    card = Card(
        architecture=net, classes=numbered_classes(classes_of(net)), preprocessing=preprocessing
    )
    return Network(card, tensors, trained=False)


GRAPHS: tuple[tuple[Kind, str, Precision], ...] = (
    ("openvino", "openvino", "fp32"),
    ("openvino", "openvino", "bf16"),
    ("openvino", "openvino", "int8"),
    ("onnx", "onnxruntime", "fp32"),
)


class Ours:
    """Our own ways to run a network.

    Attributes:
        network: what is run.
        threads: of every engine.
        teaching: what sets the ranges of int8.
        listener: hears what is done.
    """

    def __init__(
        self, network: Network, threads: int, teaching: Teaching, listener: Listener
    ) -> None:
        self.network = network
        self.threads = threads
        self.teaching = teaching
        self.listener = listener

    def possible(self) -> list[Possible]:
        """All of them."""
        found = [
            Possible(f"{OURS}{engine}", precision, partial(self.graph, kind, engine, precision))
            for kind, engine, precision in GRAPHS
        ]
        found.append(Possible(f"{OURS}torch", "fp32", self.torch))
        policy = self.network.card.exit_policy
        if policy is not None and policy.gates:
            found.append(Possible(f"{OURS}openvino{EXITS}", "fp32", partial(self.exits, policy)))
        return found

    def graph(self, kind: Kind, engine: str, precision: Precision) -> Way:
        """The network as it would be exported."""
        needs(precision)
        network = self.network
        asked = Wanted(kind=kind, precision=precision)
        exported = make(network.card, network.tensors, asked, self.teaching, self.listener)
        return written(exported, engine, self.threads)

    def exits(self, policy: ExitPolicy) -> Way:
        """The network cut at the exits of its policy."""
        network, names = self.network, tuple(gate.exit for gate in policy.gates)
        models = graphs(network.card, network.tensors, Wanted(), names, None, self.listener)
        exported = ExportInfo(kind="openvino", precision="fp32", stages=(*names, "main"))
        made = Made(network.card, exported, graph_files(exported, models))
        return written(made, "openvino", self.threads, policy)

    def torch(self) -> Way:
        """The network as a torch module, as `inceptionkit.load` runs it with engine="torch"."""
        card, tensors = self.network.card, self.network.tensors
        model = Classifier(card, network_of(card, tensors))
        return way_of(model, "torch", "fp32", sum(value.nbytes for value in tensors.values()))


def written(made: Made, engine: str, threads: int, policy: Policy | None = None) -> Way:
    """An exported model from files as they would lie in its folder; its resize is not run."""
    model = in_engine(made.whole_card, made.files, threads)
    return way_of(model, engine, made.exported.precision, made.final.bytes, policy)


def needs(precision: Precision) -> None:
    """Leave bf16 out where it would be fp32 once more.

    Raises:
        DeploymentError: the processor does not compute it.
    """
    if precision == "bf16" and lacking(precision):
        raise DeploymentError(lacking(precision))


def of_others(network: Network, threads: int) -> list[Possible]:
    """What others make of the same network: torch, and the engines on its untouched module."""
    plain = Plain(main_alone(network.card, network.tensors), network.card.preprocessing, threads)

    def in_openvino(precision: Precision) -> Way:
        needs(precision)
        return plain.openvino(precision)

    return [
        Possible("torch", "fp32", plain.eager),
        Possible("torch.compile", "fp32", plain.compiled),
        Possible("openvino", "fp32", partial(in_openvino, "fp32")),
        Possible("openvino", "bf16", partial(in_openvino, "bf16")),
        Possible("onnxruntime", "fp32", plain.onnxruntime),
    ]


def of_export(graphs: Graphs, threads: int) -> list[Possible]:
    """The engines that run an exported model; with its exits too, if it is cut where they stop."""
    folder, exported, policy = graphs.folder, graphs.exported, graphs.card.exit_policy
    size = sum((folder / name).stat().st_size for name in graphs.files)

    def run(engine: str, policy: Policy | None) -> Way:
        model = load_exported(folder, threads=threads, name=engine)
        return way_of(model, engine, exported.precision, size, policy)

    found = []
    for engine in RUN_BY[exported.kind]:
        found.append(Possible(f"{OURS}{engine}", exported.precision, partial(run, engine, None)))
        if policy is not None and {gate.exit for gate in policy.gates} <= set(exported.stages):
            name = f"{OURS}{engine}{EXITS}"
            found.append(Possible(name, exported.precision, partial(run, engine, policy)))
    return found
