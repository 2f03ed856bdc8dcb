"""Architectures as files: NNI's JSON, and MIT's net.config; and models with their choices made. Imports torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from PlainNet import BlockSpec, Structure
from PlainNet.ops import BN_EPS, BN_MOMENTUM
from zennas.supernet.choices import InputChoice, LayerChoice
from zennas.supernet.decisions import Decisions
from zennas.supernet.errors import SupernetError

Picks = Mapping[str, Sequence[int]]
"""The chosen candidates, as indices by the decision's key."""


def masks(decisions: Decisions, picks: Picks) -> dict[str, list[bool]]:
    """Return an architecture as NNI writes it: for each key, whether each candidate is chosen. Keys are sorted."""
    return {
        key: [k in picks[key] for k in range(len(decisions.by_key[key].options))] for key in sorted(decisions.by_key)
    }


def architecture_text(decisions: Decisions, picks: Picks) -> str:
    """Return the content of NNI's file of an architecture."""
    return json.dumps(masks(decisions, picks), indent=2) + "\n"


def read_architecture(source: str | Path | Mapping[str, Any], decisions: Decisions) -> dict[str, tuple[int, ...]]:
    """Return the choices of an architecture.

    source: a file of JSON or its content: for each key a list of True and False, the index or the name of a candidate,
        or a list of indices or names.

    Raises SupernetError if the file cannot be read, a key is missing or unknown, or a choice is not a candidate.
    """
    content, place = (source, "the architecture") if isinstance(source, Mapping) else (_json(Path(source)), str(source))
    surplus = [key for key in content if key not in decisions.by_key]
    if surplus:
        raise SupernetError(f"{place} has a choice for {surplus[0]!r}, which the model does not have")
    found = {}
    for decision in decisions:
        if decision.key not in content:
            raise SupernetError(f"{place} has no choice for {decision.key}, which the model has")
        found[decision.key] = _picked(content[decision.key], decision.options, f"{place}, {decision.key}")
        if decision.n_chosen is not None and not found[decision.key]:
            raise SupernetError(f"{place}, {decision.key} chooses nothing, expected at least one candidate")
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SupernetError(f"{path} cannot be read as an architecture: {error}") from None
    if not isinstance(content, dict):
        raise SupernetError(f"{path} is not an architecture, expected a JSON object from keys to choices")
    return content


def _picked(value: Any, options: tuple[str, ...], place: str) -> tuple[int, ...]:
    if isinstance(value, list) and value and all(isinstance(one, bool) for one in value):
        if len(value) != len(options):
            raise SupernetError(f"{place} has {len(value)} values of True and False, expected {len(options)}")
        return tuple(k for k, chosen in enumerate(value) if chosen)
    return tuple(sorted({_index(one, options, place) for one in (value if isinstance(value, list) else [value])}))


def _index(one: Any, options: tuple[str, ...], place: str) -> int:
    if isinstance(one, str) and one in options:
        return options.index(one)
    if type(one) is int and 0 <= one < len(options):
        return one
    raise SupernetError(f"{place} is {one!r}, expected 0 to {len(options) - 1} or one of {', '.join(options)[:120]}")


class Chosen(nn.Module):
    """What is left of a choice of layers with several chosen: these, and how they are reduced."""

    def __init__(self, choice: LayerChoice, picks: Sequence[int]) -> None:
        super().__init__()
        named = {choice.options[k]: choice.candidates[k] for k in picks}
        self.choice = LayerChoice(named, choice.reduction, choice.return_mask, key="chosen")
        Decisions(self.choice).choose({"chosen": tuple(range(len(picks)))})

    def forward(self, *inputs: Any) -> Any:
        """Return the reduced outputs."""
        return self.choice(*inputs)


def apply_fixed_architecture(model: nn.Module, source: str | Path | Mapping[str, Any]) -> nn.Module:
    """Make the choices of a model, and return it: each `LayerChoice` becomes what was chosen, in place.

    source: what `read_architecture` reads. Raises SupernetError if it does not fit the model.
    """
    decisions = Decisions(model)
    picks = read_architecture(source, decisions)
    decisions.choose(picks)
    for place, module in list(model.named_modules()):
        if isinstance(module, InputChoice) or not isinstance(module, LayerChoice) or module.decision is None:
            continue  # an InputChoice has no weights, and keeps its decision
        own = picks[module.decision.key]
        fixed = module.candidates[own[0]] if len(own) == 1 and not module.return_mask else Chosen(module, own)
        if not place:
            return fixed
        parent, _, name = place.rpartition(".")
        setattr(model.get_submodule(parent), name, fixed)
    return model


def net_config(structure: Structure, num_classes: int) -> dict[str, Any]:
    """Return a network as MIT's net.config, which `ProxylessNASNets.build_from_config` reads.

    The network is a convolution with BN and ReLU6, `MBConv`s, and a 1×1 convolution with BN and ReLU6. Raises
    SupernetError for other networks.
    """
    blocks = list(structure.blocks)
    first, rest = _conv(blocks), blocks[3:]
    last = _conv(rest[-3:])
    units = [_unit(spec) for spec in rest[:-3]]
    return {
        "name": "ProxylessNASNets",
        "bn": {"momentum": BN_MOMENTUM, "eps": BN_EPS},
        "first_conv": first,
        "blocks": units,
        "feature_mix_layer": last,
        "classifier": {
            "name": "LinearLayer",
            "in_features": last["out_channels"],
            "out_features": num_classes,
            "bias": True,
            "use_bn": False,
            "act_func": None,
            "dropout_rate": 0,
            "ops_order": "weight_bn_act",
        },
    }


def _conv(blocks: Sequence[BlockSpec]) -> dict[str, Any]:
    if [spec.kind for spec in blocks[:3]] != ["ConvKX", "BN", "RELU6"]:
        raise SupernetError(
            "net.config describes networks that begin and end with a convolution, BN and ReLU6, with MBConv between: "
            f"this one has {''.join(map(str, blocks[:3]))[:80]}"
        )
    in_channels, out_channels, kernel, stride = blocks[0].args
    return {
        "name": "ConvLayer",
        "kernel_size": kernel,
        "stride": stride,
        "dilation": 1,
        "groups": 1,
        "bias": False,
        "has_shuffle": False,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "use_bn": True,
        "act_func": "relu6",
        "dropout_rate": 0,
        "ops_order": "weight_bn_act",
    }


def _unit(spec: BlockSpec) -> dict[str, Any]:
    if spec.kind != "MBConv":
        raise SupernetError(f"net.config has MBConv between its convolutions, and this network has {spec}")
    in_channels, out_channels, kernel, expansion, stride = spec.args
    shortcut = {
        "name": "IdentityLayer",
        "in_channels": [in_channels],
        "out_channels": [out_channels],
        "use_bn": False,
        "act_func": None,
        "dropout_rate": 0,
        "ops_order": "weight_bn_act",
    }
    return {
        "name": "MobileInvertedResidualBlock",
        "mobile_inverted_conv": {
            "name": "MBInvertedConvLayer",
            "in_channels": in_channels,
            "out_channels": out_channels,
            "kernel_size": kernel,
            "stride": stride,
            "expand_ratio": expansion,
        },
        "shortcut": shortcut if stride == 1 and in_channels == out_channels else None,
    }
