"""How the minutes of a design are spent: limits and counts from measured speeds. No torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from PlainNet import Structure, parse
from PlainNet.sizes import Size, area, sides, size_text
from zennas.common.numbers import counted, format_count
from zennas.designing.errors import MinutesError
from zennas.designing.images import Images
from zennas.designing.settings import DesignSettings

SEARCH_SHARE = 0.1
"""Of the time, for the search."""
FILE_SHARE, FILE_SECONDS = 0.1, 12.0
"""Of the time, and at least so many seconds, for the file, its checks and the page, before they are measured."""
SPARE = 0.8
"""Of the time that is left, for which size of networks is chosen: machines have other things to do."""
FILE_MARGIN, PAGE_SECONDS = 1.5, 4.0
"""How much longer than measured the file may take, and the page."""
TUNING_SHARE, TUNING_LEAST = 0.1, 0.7
"""Of the time for training, what is kept for a quantisation-aware one, if the rest is this share of it at least."""
ROUNDING = 1.5
"""How much longer a step takes with rounding."""
MORE_EPOCHS = 4
"""Times the epochs that fit is how many are planned: the time ends them, and a machine can become faster."""
EPOCH_SECONDS = 0.03
"""What an epoch takes besides its images, such as its checkpoint."""
SEEN, FEWEST_EPOCHS, MOST_EPOCHS = 40_000, 20, 150
"""Images that a training should see, and the limits of the epochs for that."""
LEAST_EPOCHS = 3
"""A design with fewer is refused."""
LEAST_FLOPS = 200
"""For each pixel: with fewer, hardly a network is left."""
MOST_LAYERS = 30
FIRST_ITERATIONS, MOST_ITERATIONS = 1_000, 200_000
CALIBRATION = 256
"""Images that calibrate a file."""


@dataclass(frozen=True)
class Pace:
    """Speeds on this machine. load: seconds to load a training image. train: seconds to train on one, with its loading.
    test: seconds to test one. flops: of the network that was measured.
    """

    load: float
    train: float
    test: float
    flops: int

    @property
    def per_flop(self) -> float:
        """Seconds of a training for each multiply–accumulate of an image."""
        return max(self.train - self.load, 1e-9) / self.flops


@dataclass(frozen=True)
class Plan:
    """What was decided, as far as it was. A design that is continued keeps it.

    flops: the limit for which `epochs_wanted` fit. search_seconds: for the search. iterations: of the search.
    epochs: of the training, at most. training_seconds: its time. file_seconds: what the file is expected to take.
    tuning: epochs of a quantisation-aware training at most, 0 if there is no time for one; tuning_seconds: its time.
    All but the first three are None before they are known.
    """

    flops: int
    epochs_wanted: int
    search_seconds: float
    iterations: int | None = None
    epochs: int | None = None
    training_seconds: float | None = None
    file_seconds: float | None = None
    tuning: int | None = None
    tuning_seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the plan for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Plan:
        """Return what `to_json` has returned. Raises TypeError for anything else."""
        return cls(**found)


def small_network(channels: int) -> Structure:
    """Return a small network for images of so many channels, for a first idea of the speed."""
    return parse(f"SuperConvK3BNRELU({channels},16,2,1)SuperResK3K3(16,32,2,16,1)SuperResK1K3K1(32,64,2,32,1)")


def first_structure(size: Size, channels: int) -> str | None:
    """Return the structure from which a search in XXBL begins, whose strides all others have; None for the space's own.

    That has three strides of 2, which is much computation for images of more than 48 pixels.
    """
    side = min(sides(size))
    if side <= 48:
        return None
    stride = 1 if side <= 96 else 2
    return (
        f"SuperConvK3BNRELU({channels},8,2,1)SuperResK3K3(8,16,{stride},8,1)SuperResK3K3(16,32,2,16,1)"
        "SuperResK3K3(32,64,2,32,1)SuperResK3K3(64,64,2,32,1)SuperConvK1BNRELU(64,128,1,1)"
    )


def batch_size_for(images: int) -> int:
    """Return the batch size for so many training images: small sets need steps more than speed."""
    return 16 if images < 1_000 else 32 if images < 5_000 else 64


def planned(settings: DesignSettings, images: Images, pace: Pace, least: int = 0) -> Plan:
    """Return the plan before the search, from the speed of a small network.

    least: FLOPs that the search needs, if fewer have been tried in vain.
    Raises MinutesError if not even a small network can be trained in the time.
    """
    wanted = settings.epochs or max(FEWEST_EPOCHS, min(MOST_EPOCHS, SEEN // images.train))
    seconds = SPARE * (settings.seconds * (1 - SEARCH_SHARE) - file_seconds(settings))
    smallest = max(least, LEAST_FLOPS * area(images.size))

    def limit(epochs: int) -> float:
        rest = seconds / epochs - EPOCH_SECONDS - images.train * pace.load - images.test * pace.test
        return rest / images.train / pace.per_flop

    fewest = settings.epochs or LEAST_EPOCHS
    while wanted > fewest and limit(wanted) < smallest:
        wanted -= 1
    if limit(wanted) < smallest:
        each = epoch_seconds(images, replace(pace, train=pace.load + smallest * pace.per_flop))
        raise _too_few(settings, FILE_SECONDS + fewest * each / SPARE, fewest)
    return Plan(int(limit(wanted)), wanted, SEARCH_SHARE * settings.seconds)


def with_training(
    plan: Plan, settings: DesignSettings, images: Images, pace: Pace, spent: float, file: float, tunable: bool
) -> Plan:
    """Return the plan with the training of the chosen network.

    pace: of that network. spent: seconds that are over. file: seconds that the file takes. tunable: whether a
    quantisation-aware training could follow.

    Raises MinutesError if not even one epoch fits.
    """
    seconds = training_seconds(settings, spent, file, tunable)
    each = epoch_seconds(images, pace)
    if seconds < each:
        raise _too_few(settings, spent + file + each, 1)
    epochs = settings.epochs or MORE_EPOCHS * max(1, round(seconds / each))
    return replace(plan, epochs=epochs, training_seconds=round(seconds, 2), file_seconds=round(file, 2))


def epochs_expected(settings: DesignSettings, plan: Plan) -> int:
    """Return how many epochs fit, if the machine stays as fast as it was when it was measured."""
    assert plan.epochs is not None
    return plan.epochs if settings.epochs is not None else plan.epochs // MORE_EPOCHS


def epoch_seconds(images: Images, pace: Pace) -> float:
    """Return how long an epoch takes."""
    return EPOCH_SECONDS + images.train * pace.train + images.test * pace.test


def training_seconds(settings: DesignSettings, spent: float, file: float, tunable: bool) -> float:
    """Return the time that is left for the training, less what a second one and its file take if that is little."""
    left = settings.seconds - spent - FILE_MARGIN * file - PAGE_SECONDS
    less = (1 - TUNING_SHARE) * (left - FILE_MARGIN * file)
    return less if tunable and less > TUNING_LEAST * left else left


def with_tuning(plan: Plan, settings: DesignSettings, epochs: int, took: float, spent: float, file: float) -> Plan:
    """Return the plan with the quantisation-aware training, of a tenth of the epochs; none if there is no time for it.

    epochs, took: of the training, and its seconds. spent: seconds that are over. file: seconds that the file took.
    """
    seconds = settings.seconds - spent - FILE_MARGIN * file - PAGE_SECONDS
    fits = seconds >= ROUNDING * took / epochs
    return replace(plan, tuning=max(2, epochs // 10) if fits else 0, tuning_seconds=round(max(0.0, seconds), 2))


def iterations_for(plan: Plan, tried: int, seconds: float) -> int:
    """Return the iterations of a search that tried so many structures in these seconds."""
    return max(tried, min(MOST_ITERATIONS, int(SPARE * plan.search_seconds * tried / max(seconds, 1e-3))))


def file_seconds(settings: DesignSettings) -> float:
    """Return the time that is left for the file, before it is measured."""
    return max(FILE_SECONDS, FILE_SHARE * settings.seconds)


def _too_few(settings: DesignSettings, seconds: float, epochs: int) -> MinutesError:
    """seconds: of the shortest training, with everything around it but the search."""
    enough = seconds / 60 / (1 - SEARCH_SHARE) * 1.2
    return MinutesError(
        f"minutes is {settings.minutes:g}, too few to train even a small network for {counted(epochs, 'epoch')}: "
        f"expected about {enough:.2g} or more, fewer images, or a smaller resolution"
    )


def first_lines(settings: DesignSettings, images: Images, plan: Plan) -> list[str]:
    """Return the plan before the search in sentences."""
    held = "" if images.val_fraction is None else " (held out)"
    kind = {1: "grey", 3: "in colour"}.get(images.channels, f"of {images.channels} channels")
    return [
        f"images: {images.train:,} for training, {images.test:,} for testing{held}, {len(images.classes)} classes; "
        f"the network sees {size_text(images.size)}, {kind}",
        f"plan for {settings.minutes:g} min: search for about {plan.search_seconds:.0f} s for at most "
        f"{format_count(plan.flops)} FLOPs, so that about {counted(plan.epochs_wanted, 'epoch')} of training fit; "
        f"about {file_seconds(settings):.0f} s for the file and its checks",
    ]
