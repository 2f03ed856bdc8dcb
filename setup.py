"""Packages and dependencies. Settings of tools are in pyproject.toml, and tested versions in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = next(
    line.split('"')[1]
    for line in (here / "zennas/__init__.py").read_text().splitlines()
    if line.startswith("__version__")
)

PACKAGES = ("PlainNet", "SearchSpace", "ZeroShotProxy", "latency", "pretrained", "zennas")

setup(
    name="zennas",
    version=version,
    description="Design convolutional networks within a budget, without training any candidate",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=[f"{name}*" for name in PACKAGES]),
    py_modules=["ZenNet"],
    package_data={
        **{name: ["py.typed"] for name in PACKAGES},
        "ZeroShotProxy.programs": ["published/*.toml"],
        "latency.profiles": ["*.json", "*.md"],
        "zennas.budget.targets": ["*.toml"],
        "zennas.pages": ["assets/*"],
        "zennas.accuracy.tables.shipped": ["*.csv", "*.md"],
        "pretrained": ["py.typed", "*.json", "*.md", "*.pth", "*.txt"],
    },
    install_requires=[
        "numpy>=1.26",
        "scipy>=1.12",
        "moocore>=0.3",
        "typer>=0.12",
        "rich>=13",
        "tomli-w>=1.0",
        "tomli>=2.0; python_version < '3.11'",
    ],
    extras_require={
        # torch and torchvision have to come from one place: a torchvision from the registry does not load
        # with a CPU-only torch from another index. Left to pip, they match, and they work without a GPU.
        "torch": ["torch>=2.11", "torchvision>=0.26", "pillow>=10", "scikit-learn>=1.4", "fvcore>=0.1.5"],
        "ray": ["ray>=2.40"],
        "plot": ["matplotlib>=3.8"],
        "onnx": ["onnx>=1.16", "onnxruntime>=1.18", "onnxscript>=0.5"],
        "openvino": ["onnx>=1.16", "onnxruntime>=1.18", "onnxscript>=0.5", "openvino>=2025.0"],
        "tensorrt": ["onnx>=1.16", "onnxruntime>=1.18", "onnxscript>=0.5", "tensorrt>=10.0"],
        "litert": ["flatbuffers>=24.3", "ai-edge-litert>=2.0"],
        "ethos": ["ethos-u-vela>=5.0", "flatbuffers>=24.3"],
        "executorch": ["executorch>=1.0", "torchao>=0.13"],
        "tensorboard": ["tensorboard>=2.15"],
        "timm": ["timm>=1.0"],
        "qai-hub": ["pyyaml>=6"],
        "safetensors": ["safetensors>=0.4"],
        "nats-bench": ["nats_bench>=1.8"],
        "discover": ["deap>=1.4,<2"],
        "dev": [
            "ruff",
            "mypy",
            "pytest>=8",
            "pytest-xdist>=3.6",
            "hypothesis>=6.100",
            "playwright>=1.45",
            "tflite-micro; platform_system == 'Linux' and platform_machine == 'x86_64'",
            "setuptools>=77",
        ],
    },
    entry_points={"console_scripts": ["zennas = zennas.cli.app:main"]},
)
