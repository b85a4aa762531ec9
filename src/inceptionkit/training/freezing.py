"""Parts of a network that learn slower than others, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from inceptionkit.errors import RecipeError, did_you_mean
from inceptionkit.network import InceptionNet
from inceptionkit.spec import Net
from inceptionkit.training.recipe import FrozenNorms, Recipe

_TRUNK = "trunk"  # the word for all of its blocks
NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)  # the second where several GPUs compute the run


def check_frozen(net: Net, recipe: Recipe) -> None:
    """Refuse a recipe that freezes up to a block which the network does not have."""
    names = [name for name, _ in net.trunk]
    if recipe.freezing.frozen not in {None, _TRUNK, *names}:
        hint = did_you_mean(str(recipe.freezing.frozen), (_TRUNK, *names))
        msg = f"frozen: {net.name} has no block {recipe.freezing.frozen!r}; {hint}"
        raise RecipeError(msg)


def rate_shares(model: InceptionNet, recipe: Recipe) -> dict[str, float]:
    """Parameter name -> its share of the learning rate.

    The head, the exits and the last block of the trunk take all of it; each block before takes
    `layer_decay` of what the next one takes.
    """
    blocks = list(model.trunk)
    share = {
        name: recipe.freezing.layer_decay**depth for depth, name in enumerate(reversed(blocks))
    }

    def of(name: str) -> float:
        part, _, rest = name.partition(".")
        return share[rest.partition(".")[0]] if part == _TRUNK else 1.0

    return {name: of(name) for name, _ in model.named_parameters()}


def frozen_parts(model: InceptionNet, recipe: Recipe) -> Iterator[nn.Module]:
    """Modules that stay as they are."""
    if recipe.freezing.frozen is not None:
        for name, block in model.trunk.items():
            yield block
            if name == recipe.freezing.frozen:
                break
    if isinstance(recipe.norms, FrozenNorms):
        yield from (m for m in model.modules() if isinstance(m, NORMS))


def freeze(model: InceptionNet, recipe: Recipe) -> None:
    """Let a network in training leave parts as they are, their running statistics too."""
    for part in frozen_parts(model, recipe):
        part.requires_grad_(requires_grad=False)
        part.eval()
