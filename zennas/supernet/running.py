"""A complete search in the supernet of a space: images, supernet, costs, trainer, files. Imports torch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch

from PlainNet import cost as counted_cost
from PlainNet.files import write_text
from zennas.common.config import SETTINGS_FILE, config_text
from zennas.common.environment import environment
from zennas.data import DataError, ImageSet, lasting_dataset, normalisation_of, open_set
from zennas.data.base import Shown
from zennas.data.preparation import fast_memory_format
from zennas.data.splitting import train_and_held_out
from zennas.data.subsets import drawn
from zennas.named.structures import PROXYLESS_FILE, check_channels
from zennas.supernet.aims import cost_loss
from zennas.supernet.batches import FeedBatches
from zennas.supernet.beginning import Aim, Beginning, write_beginning
from zennas.supernet.building import build_supernet
from zennas.supernet.cost import CostLoss
from zennas.supernet.errors import SupernetError
from zennas.supernet.exporting import net_config
from zennas.supernet.history import NoWatcher, Watcher
from zennas.supernet.job import SearchJob, SearchOptions, identity_of
from zennas.supernet.outcome import (
    ARCHITECTURE_FILE,
    CHECKPOINT_FILE,
    CONFIG_FILE,
    WARM_FILE,
    ProxylessResult,
    named,
    read_result,
    refuse_taken,
    write_result,
)
from zennas.supernet.spaces import Choices, SuperSpace, check_size, open_space
from zennas.supernet.trainer import ProxylessTrainer
from zennas.supernet.watching import Events, Keeping
from zennas.training.distributed import Group, processes, ranks
from zennas.training.feed import Feed, fingerprint
from zennas.training.held import held
from zennas.training.logs import events
from zennas.training.recipe import Recipe


def search_supernet(
    job: SearchJob,
    folder: Path,
    options: SearchOptions = SearchOptions(),
    watcher: Watcher = NoWatcher(),
    *,
    go_on: bool = False,
    sample: bool = False,
) -> ProxylessResult:
    """Search in the supernet of a space, and store the result in `folder`.

    go_on: whether to go on from the folder's checkpoint; a finished search is only read. sample: whether to draw the
    architecture from the final probabilities instead of taking the most probable one.

    Raises SupernetError if the settings contradict each other, a candidate has no cost, or the folder has another
    search; DataError if images are missing; StructureError if the space does not fit the resolution; RunInUseError if
    another process uses the folder.
    """
    space = open_space(job.space)
    if job.costs.strengths:
        raise SupernetError("a search has one strength of its costs: several give a front, see search_front")
    for size in {job.resolution, job.target_resolution}:
        check_size(space, size)
    if options.warm_from is not None and not (options.warm_from / WARM_FILE).is_file():
        raise SupernetError(
            f"{options.warm_from} contains no finished warm-up of a search in a supernet ({WARM_FILE}): leave out "
            "--warm-from, or name another folder"
        )
    with held(folder, leads=ranks()[0] == 0):
        if (folder / PROXYLESS_FILE).is_file():
            if go_on:
                return read_result(folder)
            refuse_taken(folder, "search", finished=True)
        if (folder / CHECKPOINT_FILE).is_file() and not go_on:
            refuse_taken(folder, "search", finished=False)
        with processes(options.device) as group:
            if not (options.tensorboard and group.leads):
                return _search(job, space, folder, options, watcher, group, sample)
            with events(folder) as writer:
                watching = Events(watcher, writer, job.recipe.warm_epochs)
                return _search(job, space, folder, options, watching, group, sample)


def _search(
    job: SearchJob,
    space: SuperSpace,
    folder: Path,
    options: SearchOptions,
    watcher: Watcher,
    group: Group,
    sample: bool,
) -> ProxylessResult:
    train, valid = parts_of(job)
    if isinstance(space, Choices):
        check_channels(space.structure, train.channels, f"those of {train.name}", by_flag=False)
    classes = len(train.classes)
    cost = cost_loss(job.costs, space, resolution=job.target_resolution, num_classes=classes)
    layout = fast_memory_format(group.device)
    shown = Shown(normalisation_of(train), job.resolution, job.resolution, train.view)

    def batches(images: ImageSet, augment: bool) -> FeedBatches:
        recipe = Recipe(epochs=1, batch_size=job.batch_size, augment=augment, seed=job.recipe.seed)
        return FeedBatches(Feed(images, recipe, shown, group, workers=options.workers), layout)

    own: dict[str, Any] = dict(vars(job.recipe))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.recipe.seed)
        model = build_supernet(space, classes, job.dropout).to(memory_format=layout)
    weights = torch.optim.SGD(
        model.parameters(), job.recipe.init_lr, job.momentum, weight_decay=job.weight_decay, nesterov=job.momentum > 0
    )
    watching = Keeping(watcher, folder)
    trainer = ProxylessTrainer(
        model,
        weights,
        group.device,
        train_loader=batches(train, job.augment),
        valid_loader=batches(valid, augment=False),
        **own,
        load_ckpt=True,
        ckpt_path=folder / CHECKPOINT_FILE,
        arch_path=folder / ARCHITECTURE_FILE,
        cost=cost,
        checkpoint_every=options.checkpoint_every,
        warm_path=folder / WARM_FILE,
        warm_from=None if options.warm_from is None else options.warm_from / WARM_FILE,
        group=group,
        identity={**identity_of(job), "dataset": lasting_dataset(job.dataset), "images": fingerprint(train)},
        watcher=watching,
    )
    if group.leads:
        write_text(folder / SETTINGS_FILE, config_text(job, options))
        if not (folder / CHECKPOINT_FILE).is_file():  # a search that is continued keeps where it was begun
            write_beginning(folder, _beginning(space, cost, (len(train), len(valid)), group))
    watching.epochs[:] = trainer.history
    trainer.train()
    return _stored(job, space, folder, trainer, classes, cost, group, sample)


def _beginning(space: SuperSpace, cost: CostLoss, images: tuple[int, int], group: Group) -> Beginning:
    aims = (Aim(one.table.name, one.table.unit, one.reference) for one in cost.penalties)
    device = torch.cuda.get_device_name(group.device) if group.device.type == "cuda" else str(group.device)
    return Beginning(space.options, tuple(aims), images, device, environment(), time.time())


def _stored(
    job: SearchJob,
    space: SuperSpace,
    folder: Path,
    trainer: ProxylessTrainer,
    classes: int,
    cost: CostLoss,
    group: Group,
    sample: bool,
) -> ProxylessResult:
    picks = trainer.picks(sample)
    structure = space.network(picks)
    found = counted_cost(structure, resolution=job.target_resolution, num_classes=classes)
    last = trainer.history[-1]
    assert last.valid_top1 is not None  # the last epoch is always validated
    result = ProxylessResult(
        folder,
        structure,
        named(space.options, picks),
        job.target_resolution,
        classes,
        last.valid_top1,
        last.entropy,
        {
            "params": float(found.params),
            "flops": float(found.flops),
            **{one.table.name: one.table.of(picks) for one in cost.penalties},
        },
        trainer.expected(),
        sum(epoch.seconds for epoch in trainer.history),
        sample,
    )
    if group.leads:
        trainer.export(folder / ARCHITECTURE_FILE, sample)
        try:
            text = json.dumps(net_config(structure, classes), indent=2)
        except SupernetError:  # only networks of MBConv have such a file
            text = None
        if text is not None:
            write_text(folder / CONFIG_FILE, text + "\n")
        write_result(result)
    group.wait()
    return result


def parts_of(job: SearchJob) -> tuple[ImageSet, ImageSet]:
    """Return the images for weights and those that are held out, both of the training images.

    Raises DataError if there are too few.
    """
    whole = open_set(job.dataset, "train", job.data_folder)
    if job.train_images is not None:
        if job.train_images > len(whole):
            raise DataError(f"train-images is {job.train_images:,}, but {whole.name} has {len(whole):,}")
        whole = drawn(whole, job.train_images)
    return train_and_held_out(whole, job.held_out)
