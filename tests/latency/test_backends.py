"""What is particular to single back ends; what all have in common is in tests/contracts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from latency.backends import onnx_runtime, open_vino, pytorch, tensor_rt
from latency.base import BACKENDS, LatencyError, MeasureSettings, UnavailableError
from latency.measuring.measure import difference, images, measure, measure_layers, reference
from latency.measuring.subject import of_structure
from PlainNet import parse
from PlainNet.ops import BatchNorm, Relu
from tests.conftest import SMALL

SUBJECT = of_structure(parse(SMALL), 16, 10, use_se=True, name="small")
QUICK = MeasureSettings(seconds=0.05, relative_error=0.2)


# -- torch -------------------------------------------------------------------------------------


def test_torch_threads_are_as_before() -> None:
    before = torch.get_num_threads()
    batch = images(SUBJECT, QUICK)
    with BACKENDS.get("torch").prepare(SUBJECT, replace(QUICK, threads=2), batch):
        assert torch.get_num_threads() == 2
        assert torch.is_inference_mode_enabled()
    assert torch.get_num_threads() == before
    assert not torch.is_inference_mode_enabled()


def test_float32_is_computed_in_float32_whatever_the_default_is() -> None:
    inside: Any = torch.backends.mkldnn
    before = inside.conv.fp32_precision
    inside.conv.fp32_precision = "bf16"
    try:
        with BACKENDS.get("torch").prepare(SUBJECT, QUICK, images(SUBJECT, QUICK)):
            assert (inside.conv.fp32_precision, inside.matmul.fp32_precision) == ("ieee", "ieee")
        assert inside.conv.fp32_precision == "bf16"
    finally:
        inside.conv.fp32_precision = before
    assert "float32" in measure(SUBJECT, QUICK).conditions["arithmetic"]


def test_openvino_has_bfloat16_under_its_own_name() -> None:
    backend = BACKENDS.get("openvino")
    reason = backend.available("bf16")
    if reason is not None:
        pytest.skip(reason)
    found = {p: measure(SUBJECT, replace(QUICK, backend="openvino", precision=p)) for p in ("fp32", "bf16")}
    assert found["fp32"].difference < 1e-4 < found["bf16"].difference
    assert "bfloat16" in found["bf16"].conditions["arithmetic"]


def test_a_processor_without_bfloat16_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = pytest.importorskip("openvino")
    monkeypatch.setattr(openvino, "Core", lambda: SimpleNamespace(get_property=lambda *of: ["FP32", "INT8"]))
    assert BACKENDS.get("openvino").available("bf16") == (
        "the processor has no bfloat16 (it has FP32, INT8): use fp32 or int8"
    )


def test_openvino_refuses_to_time_another_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = pytest.importorskip("openvino")
    real = openvino.Core().compile_model

    class Stubborn(openvino.Core):  # type: ignore[misc]
        def compile_model(self, model: Any, device: str, options: Any) -> Any:
            compiled = real(model, device, {**options, openvino.properties.hint.inference_precision: "f32"})
            other = SimpleNamespace(get_type_name=lambda: "bf16")
            return SimpleNamespace(get_property=lambda name: other, create_infer_request=compiled.create_infer_request)

    monkeypatch.setattr(openvino, "Core", Stubborn)
    with pytest.raises(LatencyError, match="openvino computes in bf16, not in f32 as requested for fp32"):
        measure(SUBJECT, replace(QUICK, backend="openvino"))


def test_openvino_counters_are_told_without_the_first_runs() -> None:
    """They are means over all runs, the first of which compiles kernels; rounded down, run by run and as a whole."""
    rng = np.random.default_rng(0)
    for ms in (0.004, 0.05, 3.0):
        runs = [15.0, *(ms * rng.uniform(0.9, 1.1, 40))]
        seen = [np.floor(np.mean(np.floor(np.array(runs[:n]) * 1000))) / 1000 for n in (3, len(runs))]
        assert open_vino.mean_since(*seen, 3, len(runs) - 3) == pytest.approx(np.mean(runs[3:]), abs=0.001)


@pytest.mark.parametrize("option", ["no-fold", "channels-first"])
def test_torch_options_change_how_and_not_what(option: str) -> None:
    layers = measure_layers(SUBJECT, replace(QUICK, options=(option,)), repeats=2)
    own = {layer.nodes for layer in layers}
    norms = {(i,) for i, node in enumerate(SUBJECT.graph.nodes) if isinstance(node.op, BatchNorm)}
    assert (norms <= own) == (option == "no-fold")
    rectifiers = {(i,) for i, node in enumerate(SUBJECT.graph.nodes) if isinstance(node.op, Relu)}
    assert rectifiers <= own


def test_torch_layers_follow_the_options() -> None:
    batch = images(SUBJECT, QUICK)
    with (
        BACKENDS.get("torch").prepare(SUBJECT, QUICK, batch) as session,
        pytest.raises(LatencyError, match="single layers cannot be timed with compile"),
    ):
        session._settings = replace(QUICK, options=("compile",))  # type: ignore[attr-defined]
        session.layers(1)


@pytest.mark.slow
def test_torch_compiles() -> None:
    assert measure(SUBJECT, replace(QUICK, options=("compile",))).difference < 1e-4


def test_torch_says_what_is_for_which_device() -> None:
    backend = pytorch.PyTorch()
    assert backend.available("bf16", "cpu") is None
    assert backend.available("fp16", "cpu") == "fp16 is for CUDA devices: use bf16 on the CPU"
    assert "not on tpu" in (backend.available("fp32", "tpu") or "")
    if not torch.cuda.is_available():
        assert "finds no CUDA device" in (backend.available("fp16", "cuda") or "")
    with pytest.raises(LatencyError, match="cuda-graphs is for CUDA devices, not for cpu"):
        measure(SUBJECT, replace(QUICK, options=("cuda-graphs",)))


# -- onnxruntime -------------------------------------------------------------------------------


def test_onnxruntime_reads_its_profile() -> None:
    """Names as the blocked layout, the quantised one and fusions give them."""
    made = {"Mul_220": 87}

    def anchors(name: str, kind: str) -> tuple[int, ...]:
        return onnx_runtime._anchors(name, kind, made)

    assert anchors("v3_nchwc", "Conv") == (2,)
    assert anchors("k0_Conv_token_1", "QLinearConv") == (0,)
    assert anchors("k13_Mul", "Mul") == (13,)
    assert anchors("v6_DequantizeLinear", "DequantizeLinear") == ()
    assert anchors("ReorderOutput_token_9", "ReorderOutput") == ()
    assert anchors("images_QuantizeLinear", "QuantizeLinear") == ()
    assert anchors("Mul_220", "Mul") == (86,)  # a part of a function, named after nothing of ours
    assert onnx_runtime._stored("v9_QuantizeLinear", "QuantizeLinear") == (8,)
    runs = [(dur, i, name) for dur in (900, 800, 700, 7, 8, 9) for i, name in ((4, "v3_nchwc"), (2, "k3_Conv"))]
    events: list[dict[str, Any]] = [{"cat": "Session", "name": "model_run", "dur": 9}]
    for dur, i, name in runs:
        about = {"node_index": str(i), "op_name": "Conv"}
        events.append({"cat": "Node", "name": f"{name}_kernel_time", "dur": dur, "args": about})
    layers = onnx_runtime._layers(SUBJECT.graph, events, made)
    assert [layer.name for layer in layers] == ["v3_nchwc (Conv)", "k3_Conv (Conv)"]
    assert layers[0].nodes == (0, 1, 2)
    assert [layer.ms for layer in layers] == [0.008, 0.008]  # the first runs are left out


# -- tensorrt, as far as it goes without the library -------------------------------------------


def test_tensorrt_reads_its_layer_names() -> None:
    assert tensor_rt.anchors_of("k14_Conv + k18_Add + k19_Relu") == (14, 18, 19)
    assert tensor_rt.anchors_of("Reformatting CopyNode for Input Tensor 0 to k0_Conv") == ()


def test_an_engine_belongs_to_a_network_a_version_and_a_device() -> None:
    key = tensor_rt.engine_key(b"network", "10.3", "H100 (9, 0)")
    assert key == tensor_rt.engine_key(b"network", "10.3", "H100 (9, 0)")
    others = [(b"other", "10.3", "H100 (9, 0)"), (b"network", "11.4", "H100 (9, 0)"), (b"network", "10.3", "T4 (7, 5)")]
    assert key not in {tensor_rt.engine_key(*other) for other in others}


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_tensorrt_files_compute_the_network(precision: str) -> None:
    for extra in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(extra, reason="needs pip install 'zennas[onnx]'")
    import onnxruntime

    settings = replace(QUICK, backend="tensorrt", precision=precision, batch_size=2)
    batch = images(SUBJECT, settings)
    content = tensor_rt.network_file(SUBJECT, settings, batch).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = batch.astype(np.float16) if precision == "fp16" else batch
    (logits,) = session.run(None, {"images": given})
    assert difference(logits.astype(np.float32), reference(SUBJECT, batch)) < tensor_rt.TensorRT.tolerance[precision]


class FakeParser:
    errors: list[str] = []  # noqa: RUF012

    def __init__(self, network: Any, logger: Any) -> None:
        self.num_errors = len(self.errors)

    def parse(self, content: bytes) -> bool:
        return not self.errors

    def get_error(self, index: int) -> Any:
        return SimpleNamespace(desc=lambda: self.errors[index])


@pytest.fixture
def fake_tensorrt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """As much of the library as building and caching engines calls."""
    library: Any = ModuleType("tensorrt")
    built: list[bytes] = []
    config = SimpleNamespace(clear_flag=lambda flag: None)

    def build(network: Any, config: Any) -> bytes:
        built.append(b"plan")
        return b"plan"

    library.__version__ = "11.4.0"
    library.built = built
    library.Logger = lambda severity: None
    library.Logger.ERROR = 1
    library.NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
    library.BuilderFlag = SimpleNamespace(TF32=3)
    library.ProfilingVerbosity = SimpleNamespace(DETAILED=2)
    library.OnnxParser = type("Parser", (FakeParser,), {})
    library.Runtime = lambda logger: SimpleNamespace(deserialize_cuda_engine=lambda plan: ("engine", bytes(plan)))
    library.Builder = lambda logger: SimpleNamespace(
        create_network=lambda flags: ("network", flags),
        create_builder_config=lambda: config,
        build_serialized_network=build,
    )
    monkeypatch.setitem(sys.modules, "tensorrt", library)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    yield library


def test_engines_are_built_once(fake_tensorrt: Any, tmp_path: Path) -> None:
    model = SimpleNamespace(SerializeToString=lambda: b"network")
    settings = replace(QUICK, backend="tensorrt", device="cuda")
    for _ in range(2):
        assert tensor_rt.engine_of(model, settings) == ("engine", b"plan")  # type: ignore[arg-type]
    assert len(fake_tensorrt.built) == 1
    (file,) = (tmp_path / "zennas" / "tensorrt").iterdir()
    assert file.suffix == ".engine"


def test_what_tensorrt_does_not_take_is_told_and_nothing_is_kept(fake_tensorrt: Any, tmp_path: Path) -> None:
    fake_tensorrt.OnnxParser.errors = ["In node k3_Foo: no importer registered for op: Foo\nand more"]
    model = SimpleNamespace(SerializeToString=lambda: b"network")
    with pytest.raises(LatencyError, match=r"does not accept the network: In node k3_Foo: .*op: Foo$"):
        tensor_rt.engine_of(model, replace(QUICK, backend="tensorrt", device="cuda"))  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("*.engine"))


def test_tensorrt_wants_its_version_and_a_gpu(fake_tensorrt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = tensor_rt.TensorRT()
    fake_tensorrt.__version__ = "8.6.1"
    assert "tensorrt 8.6.1 is too old, at least 10" in (backend.available("fp16", "cuda") or "")
    fake_tensorrt.__version__ = "10.3.0"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "finds no CUDA device" in (backend.available("fp16", "cuda") or "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "use the device cuda" in (backend.available("fp16", "cpu") or "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    batch = images(SUBJECT, QUICK)
    with pytest.raises(UnavailableError), backend.prepare(SUBJECT, replace(QUICK, device="cuda"), batch):
        pass
