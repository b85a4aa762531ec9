"""First weights, as a function of a seed."""

from __future__ import annotations

import torch
from torch import Generator, nn


def initialise(model: nn.Module, seed: int) -> None:
    """Draw the weights of every convolution and linear layer; biases and betas become 0.

    Convolutions and hidden linear layers get normal weights of variance 2 / fan-in, which keeps the
    variance through ReLUs; classifiers, recognised by not being followed by a ReLU, get a standard
    deviation of 0.01, so that the first predictions are nearly uniform.

    Sources:
        He et al. 2015, arXiv:1502.01852, section 2.2. Small classifiers: Caffe's and TF-slim's
        Inception files.
    """
    generator = Generator().manual_seed(seed)
    with torch.no_grad():
        for name, part in model.named_modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                parent = model.get_submodule(name.rpartition(".")[0])
                fan_in = part.weight[0].numel()
                std = (2.0 / fan_in) ** 0.5 if hasattr(parent, "relu") else 0.01
                part.weight.normal_(0.0, std, generator=generator)
                if part.bias is not None:
                    part.bias.zero_()
