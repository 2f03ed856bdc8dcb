"""Architectures as files and as models, and supernets of spaces."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import nn

import PlainNet
import ZenNet
from PlainNet import parse
from PlainNet.choices import choices_of
from tests.zennas.supernet.searches import network
from zennas.supernet import InputChoice, LayerChoice, apply_fixed_architecture
from zennas.supernet.building import build_supernet
from zennas.supernet.decisions import Decisions
from zennas.supernet.errors import SupernetError
from zennas.supernet.exporting import architecture_text, net_config, read_architecture
from zennas.supernet.spaces import Cells, Choices, open_space


@pytest.mark.parametrize(
    "content",
    [
        {"e0": [False, True, False], "e1": [False, False, True]},
        {"e0": 1, "e1": 2},
        {"e0": "three", "e1": ["nothing"]},
        {"e1": [2], "e0": [1]},
    ],
)
def test_architectures_are_read_in_all_forms(tmp_path: Path, content: dict[str, Any]) -> None:
    decisions = Decisions(network())
    picks = {"e0": (1,), "e1": (2,)}
    assert read_architecture(content, decisions) == picks
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert read_architecture(tmp_path / "a.json", decisions) == picks
    (tmp_path / "b.json").write_text(architecture_text(decisions, picks))
    assert json.loads((tmp_path / "b.json").read_text()) == {"e0": [False, True, False], "e1": [False, False, True]}
    assert read_architecture(tmp_path / "b.json", decisions) == picks


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"e0": 1}, "has no choice for e1, which the model has"),
        ({"e0": 1, "e1": 1, "e2": 1}, "a choice for 'e2', which the model does not have"),
        ({"e0": 3, "e1": 1}, r"e0 is 3, expected 0 to 2 or one of one, three, nothing"),
        ({"e0": "five", "e1": 1}, r"e0 is 'five'"),
        ({"e0": [True, False], "e1": 1}, "has 2 values of True and False, expected 3"),
        ({"e0": [False, False, False], "e1": 1}, "e0 chooses nothing"),
    ],
)
def test_architectures_that_do_not_fit(content: dict[str, Any], message: str) -> None:
    with pytest.raises(SupernetError, match=message):
        read_architecture(content, Decisions(network()))


def test_files_that_are_no_architecture(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(SupernetError, match="expected a JSON object"):
        read_architecture(tmp_path / "a.json", Decisions(network()))
    with pytest.raises(SupernetError, match="cannot be read as an architecture"):
        read_architecture(tmp_path / "absent.json", Decisions(network()))


def test_a_model_with_its_choices_made_computes_the_same_without_them() -> None:
    model, x = network().eval(), torch.randn(2, 3, 8, 8)
    decisions = Decisions(model)
    decisions.choose({"e0": (1,), "e1": (2,)})
    with torch.no_grad():
        expected = model(x)
        fixed = apply_fixed_architecture(model, {"e0": "three", "e1": "nothing"})
        assert torch.equal(fixed(x), expected)
    assert not any(isinstance(module, LayerChoice) for module in fixed.modules())


def test_several_chosen_and_inputs_stay_reduced() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = LayerChoice([nn.Identity(), nn.ReLU(), nn.Tanh()], reduction="mean", key="l")
            self.inputs = InputChoice(choose_from=["a", "b"], n_chosen=1, key="i")

        def forward(self, x: torch.Tensor) -> Any:
            y = self.layer(x)
            return self.inputs({"a": x, "b": y})

    net = apply_fixed_architecture(Net(), {"l": [0, 1], "i": "b"})
    x = torch.randn(5)
    torch.testing.assert_close(net(x), (x + x.relu()) / 2)


def test_mit_s_configuration() -> None:
    structure = parse(ZenNet.model_info("proxylessnas_mobile")["structure"])
    config = net_config(structure, 1000)
    assert (config["name"], config["bn"]) == ("ProxylessNASNets", {"momentum": 0.1, "eps": 1e-3})
    assert [config[key]["out_channels"] for key in ("first_conv", "feature_mix_layer")] == [32, 1280]
    convs = [block["mobile_inverted_conv"] for block in config["blocks"]]
    widths = [convs[0]["in_channels"], *(conv["out_channels"] for conv in convs)]
    assert [w for i, w in enumerate(widths) if i == 0 or w != widths[i - 1]] == [32, 16, 32, 40, 80, 96, 192, 320]
    again = "".join(
        "MBConv({in_channels},{out_channels},{kernel_size},{expand_ratio},{stride})".format(**conv) for conv in convs
    )
    assert again in str(structure)
    links = [block["shortcut"] is not None for block in config["blocks"]]
    assert links == [conv["stride"] == 1 and conv["in_channels"] == conv["out_channels"] for conv in convs]
    json.dumps(config)


@pytest.mark.parametrize(
    "text",
    ["ConvKX(3,8,3,1)BN(8)RELU(8)", "ConvKX(3,8,3,2)BN(8)RELU6(8)BasicBlock(8,8,3,1)ConvKX(8,8,1,1)BN(8)RELU6(8)"],
)
def test_networks_without_such_a_configuration(text: str) -> None:
    with pytest.raises(SupernetError, match=r"net\.config"):
        net_config(parse(text), 10)


SMALL = (
    "ConvKX(3,8,3,1)BN(8)RELU6(8)Choice{a|MBConv(8,8,3,3,1);MBConv(8,8,5,6,1);Identity(8)}"
    "Choice{MBConv(8,16,3,3,2);ConvKX(8,16,3,2)BN(16)RELU(16)}"
)


def layers_run(model: nn.Module, x: torch.Tensor) -> list[tuple[str, int]]:
    """The layers with weights that run, with the sizes of their outputs, sorted."""
    found: list[tuple[str, int]] = []
    hooks = [
        module.register_forward_hook(lambda m, _, y: found.append((repr(m), y.numel())))
        for module in model.modules()
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.BatchNorm2d))
    ]
    model(x)
    for hook in hooks:
        hook.remove()
    return sorted(found)


@pytest.mark.parametrize("space", [Choices("small", parse(SMALL)), Cells(channels=4, cells=2)])
def test_a_supernet_has_the_networks_of_its_space(space: Choices | Cells) -> None:
    """What is chosen in the supernet has the layers of the network that is built of the structure."""
    torch.manual_seed(0)
    model, rng = build_supernet(space, num_classes=3), Random(0)
    decisions = Decisions(model)
    assert {d.key: d.options for d in decisions} == space.options
    for _ in range(8):
        picks = {key: (rng.randrange(len(options)),) for key, options in space.options.items()}
        decisions.choose(picks)
        x = torch.randn(2, 3, 9, 9)
        built = PlainNet.build(space.network(picks), num_classes=3)
        assert layers_run(model, x) == layers_run(built, x)


def test_a_supernet_computes_what_its_network_does() -> None:
    space = Choices("small", parse(SMALL))
    model = build_supernet(space, num_classes=3).eval()
    picks = {"a": (1,), "choice2": (1,)}
    Decisions(model).choose(picks)
    network = PlainNet.build(space.network(picks), num_classes=3).eval()
    chosen = [*model.blocks[:3], model.blocks[3].candidates[1], *model.blocks[4].candidates[1], model.fc_linear]  # type: ignore[index,union-attr,misc]
    for own, other in zip([*network.blocks, network.fc_linear], chosen, strict=True):
        own.load_state_dict(other.state_dict())  # type: ignore[union-attr]
    x = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.allclose(model(x), network(x), atol=1e-6)


def test_spaces_by_name_file_and_text(tmp_path: Path) -> None:
    assert len(open_space("mobile").options) == 21
    assert len(open_space("nas-bench-macro").options) == len(open_space("nasbench-macro").options) == 8
    assert isinstance(open_space("nasbench201"), Cells)
    assert open_space(SMALL).options.keys() == {"a", "choice2"}
    (tmp_path / "space.txt").write_text(SMALL + "\n")
    (tmp_path / "space.py").write_text(f"def supernet():\n    return {SMALL!r}\n")
    for name in ("space.txt", "space.py"):
        assert open_space(str(tmp_path / name)).options == open_space(SMALL).options
    assert choices_of(parse(SMALL))[0].name == "a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"does not define supernet\(\)"),
        ("def supernet():\n    return 3\n", "returned int, expected a structure or its text"),
        ("def supernet():\n    return 1 / 0\n", "cannot be used: ZeroDivisionError"),
        ("def supernet():\n    return 'ConvKX(3,8,3,1)'\n", r"has no Choice\{"),
    ],
)
def test_files_that_are_no_space(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "space.py").write_text(content)
    with pytest.raises(SupernetError, match=message):
        open_space(str(tmp_path / "space.py"))


def test_spaces_that_do_not_choose_among_blocks() -> None:
    with pytest.raises(SupernetError, match="the space XXBL is not made of decisions that choose among blocks"):
        open_space("XXBL")
    with pytest.raises(SupernetError, match="there is no file"):
        open_space("absent.py")
