"""How weights change, as a recipe says it: learning rates, optimizers, averages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, TypeAlias

from inceptionkit.records import Between

Share: TypeAlias = Annotated[float, Between(0.0, 1.0)]
Rate: TypeAlias = Annotated[float, Between(1e-9, 1e3)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schedule:
    """The learning rate climbs to its peak, then follows the rule of the class.

    Attributes:
        warmup: share of the run in which it climbs.
    """

    warmup: Annotated[float, Between(0.0, 0.9)] = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(_Schedule):
    """Stays at the peak."""

    TAG: ClassVar[str] = "constant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear(_Schedule):
    """Falls to zero along a line."""

    TAG: ClassVar[str] = "linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosine(_Schedule):
    """Falls to zero along half a cosine."""

    TAG: ClassVar[str] = "cosine"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decay(_Schedule):
    factor: Annotated[float, Between(1e-6, 1.0)]  # what the learning rate is multiplied by


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential(_Decay):
    """Falls smoothly, by a factor in every so many of the recipe's epochs."""

    TAG: ClassVar[str] = "exponential"
    decay_epochs: Annotated[float, Between(1e-3, 1_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(_Decay):
    """Is multiplied by a factor after every so many of the recipe's epochs."""

    TAG: ClassVar[str] = "step"
    decay_epochs: Annotated[float, Between(1e-3, 1_000_000)]
    shift_epochs: Annotated[float, Between(0.0, 1_000_000)] = 0.0  # by which it comes early


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiStep(_Decay):
    """Is multiplied by a factor at some of the recipe's epochs."""

    TAG: ClassVar[str] = "multistep"
    milestones: tuple[Annotated[float, Between(0.0, 1_000_000)], ...]


Schedule: TypeAlias = Constant | Linear | Cosine | Exponential | Step | MultiStep


@dataclass(frozen=True, slots=True, kw_only=True)
class _Optimizer:
    """What changes the weights; each kind has defaults of its own.

    Attributes:
        lr: peak learning rate for `lr_batch` images per step; in proportion for others.
        lr_batch: see `lr`.
        weight_decay: on weights only: not on biases, gammas and betas.
        clip_grad_norm: largest norm of the gradient.
    """

    lr: Rate = 0.6
    lr_batch: Annotated[int, Between(1, 65_536)] = 256
    weight_decay: Share = 5e-4
    clip_grad_norm: Annotated[float | None, Between(1e-6, 1e6)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SGD(_Optimizer):
    """Stochastic gradient descent with momentum."""

    TAG: ClassVar[str] = "sgd"
    momentum: Annotated[float, Between(0.0, 0.9999)] = 0.9
    nesterov: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RMSProp(_Optimizer):
    """As torch computes it."""

    TAG: ClassVar[str] = "rmsprop"
    lr: Rate = 0.002
    weight_decay: Share = 1e-05
    momentum: Annotated[float, Between(0.0, 0.9999)] = 0.9
    alpha: Annotated[float, Between(0.0, 0.999999)] = 0.99  # decay of the mean square
    eps: Annotated[float, Between(0.0, 10.0)] = 1e-8  # added to its root


@dataclass(frozen=True, slots=True, kw_only=True)
class RMSPropTF(_Optimizer):
    """As TensorFlow computes it: the mean square starts at one."""

    TAG: ClassVar[str] = "rmsprop_tf"
    lr: Rate = 0.016
    weight_decay: Share = 1e-05
    momentum: Annotated[float, Between(0.0, 0.9999)] = 0.9
    alpha: Annotated[float, Between(0.0, 0.999999)] = 0.9  # decay of the mean square
    eps: Annotated[float, Between(0.0, 10.0)] = 1e-10  # inside its root


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamW(_Optimizer):
    """Adam with decoupled weight decay."""

    TAG: ClassVar[str] = "adamw"
    lr: Rate = 0.004
    weight_decay: Share = 0.05
    beta1: Annotated[float, Between(0.0, 0.9999)] = 0.9
    beta2: Annotated[float, Between(0.0, 0.999999)] = 0.999
    eps: Annotated[float, Between(0.0, 10.0)] = 1e-8  # added to the root of the mean square


@dataclass(frozen=True, slots=True, kw_only=True)
class Muon(_Optimizer):
    """Hidden convolutions' kernels move along their momentum made orthogonal; the rest by SGD."""

    TAG: ClassVar[str] = "muon"
    lr: Rate = 0.1
    momentum: Annotated[float, Between(0.0, 0.9999)] = 0.6
    nesterov: bool = True
    newton_schulz: Annotated[int, Between(1, 10)] = 3  # steps that make a momentum orthogonal
    sgd_lr: Rate = 0.4  # of the rest, at the peak
    sgd_momentum: Annotated[float, Between(0.0, 0.9999)] = 0.85


Optimizer: TypeAlias = SGD | RMSProp | RMSPropTF | AdamW | Muon


def with_lr(optimizer: Optimizer, lr: float) -> Optimizer:
    """The same with another peak learning rate; that of Muon's SGD changes in proportion."""
    if isinstance(optimizer, Muon):
        return replace(
            optimizer, lr=lr, sgd_lr=float(f"{optimizer.sgd_lr * lr / optimizer.lr:.6g}")
        )
    return replace(optimizer, lr=lr)


def slower(optimizer: Optimizer) -> str:
    """What to type for a third of the peak learning rate, and no more than the optimizer's own.

    >>> slower(Muon(lr=0.3, sgd_lr=0.6))
    'lr=0.1 sgd_lr=0.2'
    """
    lr = min(optimizer.lr / 3, type(optimizer)().lr)
    changed = with_lr(optimizer, float(f"{lr:.2g}"))
    also = f" sgd_lr={changed.sgd_lr:.2g}" if isinstance(changed, Muon) else ""
    return f"lr={changed.lr:g}{also}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Average:
    ema_every: Annotated[int, Between(1, 10_000)] = 8  # steps from one update to the next


@dataclass(frozen=True, slots=True, kw_only=True)
class EMA(_Average):
    """A moving average that remembers a share of the run."""

    TAG: ClassVar[str] = "ema"
    ema_horizon: Share = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedEMA(_Average):
    """A moving average that keeps a share of itself at every step, however long the run is."""

    TAG: ClassVar[str] = "fixed_ema"
    ema_decay: Annotated[float, Between(0.0, 0.9999999)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Polyak(_Average):
    """The mean of the weights over the last share of the run."""

    TAG: ClassVar[str] = "polyak"
    polyak_share: Share = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookahead(_Average):
    """A moving average from which the weights go on after each of its updates.

    Attributes:
        slow_decay: share of itself that it keeps at a step at the end of the run; it grows to that.
    """

    TAG: ClassVar[str] = "lookahead"
    ema_every: Annotated[int, Between(1, 10_000)] = 5
    slow_decay: Annotated[float, Between(0.0, 0.9999)] = 0.95


Average: TypeAlias = EMA | FixedEMA | Polyak | Lookahead
