"""Weights and images with which two different networks cannot agree by chance."""

import numpy as np
import torch
from torch import Tensor, nn

from inceptionkit.convert.rename import ConvertedWeights
from inceptionkit.network import InceptionNet, build
from inceptionkit.spec import Net


def shake(model: nn.Module, images: Tensor) -> nn.Module:
    """Give every tensor a telling value, and batch norm the statistics of `images`.

    Without the second step random activations die out within ten layers, the logits stop
    depending on the image, and two different networks agree.
    """
    generator = torch.Generator().manual_seed(0)
    for part in model.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            fan_in = part.weight[0].numel()
            part.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            if part.bias is not None:
                part.bias.uniform_(-0.1, 0.1, generator=generator)
        elif isinstance(part, nn.BatchNorm2d):
            if isinstance(part.weight, nn.Parameter):
                part.weight.uniform_(0.5, 1.5, generator=generator)
            part.bias.uniform_(-0.5, 0.5, generator=generator)
            part.momentum = 1.0
        elif isinstance(part, nn.Dropout):
            part.p = 0.0
    model.train()(images)
    return model.eval()


def spread_scores(model: InceptionNet, images: Tensor) -> InceptionNet:
    """Scale every classifier so that the scores of `images` spread by about 1.

    An absolute difference means something then, whatever the activations are.
    """
    names = {"main": "head", **{name: f"exits.{name}" for name in model.exits}}
    for name, scores in scores_of(model, images).items():
        *_, classifier = (
            part
            for part in model.get_submodule(names[name]).modules()
            if isinstance(part, nn.Conv2d | nn.Linear)
        )
        for parameter in classifier.parameters():
            parameter.div_(scores.std())
    return model


def scores_of(model: InceptionNet, images: Tensor) -> dict[str, Tensor]:
    """Exit or "main" -> (batch, classes)."""
    logits = model(images, list(model.exits))
    return {"main": logits.main, **logits.exits}


def trunk_outputs(model: nn.Module, images: Tensor, *names: str) -> list[Tensor]:
    """What leaves some of a peer's modules."""
    seen: dict[str, Tensor] = {}
    hooks = [
        model.get_submodule(name).register_forward_hook(
            lambda _, __, out, name=name: seen.update({name: out})
        )
        for name in names
    ]
    model(images)
    for hook in hooks:
        hook.remove()
    return [seen[name] for name in names]


def images_for(net: Net, batch: int) -> Tensor:
    return torch.rand(batch, *net.image, generator=torch.Generator().manual_seed(1))


def arrays(model: InceptionNet) -> dict[str, np.ndarray]:
    """Every tensor of the model, under our names."""
    return {
        name: value.detach().numpy()
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def filled(adopted: ConvertedWeights) -> InceptionNet:
    """The module of a network that was adopted."""
    model = build(adopted.net, weights_follow=True)
    counters = {k: v for k, v in model.state_dict().items() if k.endswith("num_batches_tracked")}
    tensors = {name: torch.from_numpy(value) for name, value in adopted.tensors.items()}
    model.load_state_dict(tensors | counters)
    return model.eval()
