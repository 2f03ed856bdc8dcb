"""`ProxylessTrainer`: trains the weights and the architecture parameters of a supernet in turn. Imports torch.

The method and the defaults are those of ProxylessNAS (Cai, Zhu and Han, ICLR 2019), the arguments those of NNI's
trainer (version 1.9). Nothing is drawn from a stream (docs/adr/0008): paths, dropout and batches of a step follow from
the seed and the number of the step, so that a search that was killed ends with the same parameters, bit for bit on a
CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F

from PlainNet.files import write_text
from zennas.common.settings_text import to_json
from zennas.data.loading import generator, seed_of
from zennas.supernet.batches import Endless, batches_of
from zennas.supernet.checking import check_outputs
from zennas.supernet.checkpointing import SearchState, restore, save
from zennas.supernet.cost import CostLoss, Penalty
from zennas.supernet.decisions import Decisions
from zennas.supernet.errors import SupernetError
from zennas.supernet.exporting import architecture_text
from zennas.supernet.history import SEARCH, WARM_UP, NoWatcher, SearchEpoch, Watcher
from zennas.supernet.recipe import REINFORCE, SearchRecipe
from zennas.supernet.steps import LabelledBatch, Reinforce, Subject, architecture_step, weight_step
from zennas.training.distributed import Group
from zennas.training.loop import LOOK_EVERY
from zennas.training.precision import autocast

# Purposes of random keys, so that no two purposes share random numbers.
_ALPHA, _PATH, _FORWARD, _UPDATE, _UPDATE_FORWARD, _SAMPLE, _TRAIN, _VALID = range(101, 109)
_CHECKED_IMAGES = 2
_OF_COSTS = ("costs", "form")
"""Facts of an identity that do not matter during a warm-up."""


class ProxylessTrainer:
    """A search in a supernet.

    model: a module with choices, from images to logits. model_optim: an optimiser of its weights; its learning rate is
        set by the schedule. device: where the model runs.
    train_loader: batches of images (n, C, H, W) and labels (n,) for the weights. valid_loader: batches of the same size
        for the architecture parameters, of images that are not in `train_loader`.
    label_smoothing, n_epochs, init_lr, binary_mode, arch_init_type, arch_init_ratio, arch_optim_lr, arch_weight_decay,
        grad_update_arch_param_every, grad_update_steps, warmup, warmup_epochs, arch_valid_frequency: see
        `SearchRecipe`.
    load_ckpt: whether to go on from `ckpt_path`, if the file exists. ckpt_path: the file of checkpoints, None for none.
    arch_path: a file that gets the most probable architecture after each validation, None for none.

    What NNI does not have: cost, what the choices cost in the loss; arch_update, "reinforce" for the variant without
    gradients of gates; warmup_lr, precision and seed, see `SearchRecipe`; checkpoint_every, weight steps between
    checkpoints within an epoch (each epoch ends with one); group, the processes of torchrun, in which every process has
    its own part of each batch; identity, further facts that a checkpoint must share; warm_path, a file that gets the
    checkpoint at the end of the warm-up; warm_from, such a file of a search that differs in costs at most, to begin
    there; watcher, for the progress.

    Raises SupernetError if a setting is out of range, the choices contradict each other, candidates give different
    shapes, or the costs are not of this model.
    """

    def __init__(
        self,
        model: nn.Module,
        model_optim: optim.Optimizer,
        device: torch.device | str,
        train_loader: Any,
        valid_loader: Any,
        label_smoothing: float = 0.1,
        n_epochs: int = 120,
        init_lr: float = 0.025,
        binary_mode: str = "full_v2",
        arch_init_type: str = "normal",
        arch_init_ratio: float = 1e-3,
        arch_optim_lr: float = 1e-3,
        arch_weight_decay: float = 0.0,
        grad_update_arch_param_every: int = 5,
        grad_update_steps: int = 1,
        warmup: bool = True,
        warmup_epochs: int = 25,
        arch_valid_frequency: int = 1,
        load_ckpt: bool = False,
        ckpt_path: str | Path | None = None,
        arch_path: str | Path | None = None,
        *,
        cost: CostLoss = CostLoss(),
        arch_update: str = "gradient",
        warmup_lr: float = 0.05,
        precision: str = "fp32",
        seed: int = 0,
        checkpoint_every: int | None = None,
        group: Group | None = None,
        identity: dict[str, Any] | None = None,
        warm_path: str | Path | None = None,
        warm_from: str | Path | None = None,
        watcher: Watcher = NoWatcher(),
    ) -> None:
        given = locals()
        self.recipe = SearchRecipe(**{one.name: given[one.name] for one in fields(SearchRecipe)})
        recipe = self.recipe
        self.device = torch.device(device)
        if precision == "fp16" and self.device.type == "cpu":
            raise SupernetError("precision is fp16, which needs CUDA: use bf16 or fp32 on the CPU")
        self.model, self.cost = model.to(self.device), cost
        self.decisions = Decisions(model)
        for penalty in cost.penalties:
            penalty.table.check(self.decisions)
        self.decisions.initialise(arch_init_type, arch_init_ratio, generator(seed, _ALPHA))
        self._train = batches_of(train_loader, seed, _TRAIN)
        self._valid = batches_of(valid_loader, seed, _VALID)
        self._updates = Endless(self._valid)
        self._group = group or Group(self.device)
        self._watcher = watcher if self._group.leads else NoWatcher()
        self._checkpoint = None if ckpt_path is None else Path(ckpt_path)
        self._arch_path = None if arch_path is None else Path(arch_path)
        self._checkpoint_every = checkpoint_every
        self._warm_path = None if warm_path is None else Path(warm_path)
        self._identity = {
            "recipe": to_json(recipe),
            "costs": [_facts(one) for one in cost.penalties],
            "form": {"form": cost.form, "weight": cost.weight, "power": cost.power, "scale": cost.scale},
            **(identity or {}),
        }
        self._reinforce = Reinforce()
        self._subject = Subject(self.model, self.decisions, autocast(precision, self.device), self._average)
        self.state = SearchState(
            self.model,
            self.decisions,
            model_optim,
            # Without momentum: with it, parameters of candidates that had no gates would go on moving.
            optim.Adam(
                self.decisions.parameters(), lr=arch_optim_lr, betas=(0.0, 0.999), weight_decay=arch_weight_decay
            ),
            torch.amp.GradScaler(self.device.type, enabled=precision == "fp16"),
            torch.zeros(3, dtype=torch.float64, device=self.device),
        )
        if load_ckpt and self._checkpoint is not None and self._checkpoint.is_file():
            restore(self.state, self._identity, self._checkpoint)
            self._updates.seek(self.state.updates)
            self._reinforce.baseline = self.state.baseline
        elif warm_from is not None:
            restore(self.state, self._identity, Path(warm_from), _OF_COSTS)
            expected = self.expected()  # the probabilities have not moved
            self.state.history[:] = [replace(epoch, expected=expected) for epoch in self.state.history]

    @property
    def history(self) -> tuple[SearchEpoch, ...]:
        """The finished epochs."""
        return tuple(self.state.history)

    @property
    def steps(self) -> int:
        """Weight steps of the whole search."""
        return (self.recipe.warm_epochs + self.recipe.n_epochs) * self._train.steps

    # -- what users call -----------------------------------------------------------------------

    def train(self) -> None:
        """Warm up and search, from the current state to the end. The state of torch's global generators is kept.

        Raises SupernetError if the loss is not finite, or candidates give different shapes.
        """
        with self._keyed():
            self._check()
            while self.state.step < self.steps:
                self._epoch()

    def validate(self) -> tuple[float, float]:
        """Return the loss and the accuracy in per cent of the most probable network on the validation images.

        It has the weights of the supernet; trained on its own, it will be better.
        """
        with self._keyed():
            return self._validated()

    def export(self, file_name: str | Path, sample: bool = False) -> None:
        """Write the architecture as NNI's JSON: the most probable candidates, or with `sample` a drawn architecture."""
        write_text(Path(file_name), architecture_text(self.decisions, self.picks(sample)))

    def picks(self, sample: bool = False) -> dict[str, tuple[int, ...]]:
        """Return the most probable candidates by key, or with `sample` drawn ones, which depend on the seed."""
        return self.decisions.drawn(generator(self.recipe.seed, _SAMPLE)) if sample else self.decisions.best()

    # -- epochs --------------------------------------------------------------------------------

    def _epoch(self) -> None:
        state, per_epoch, recipe = self.state, self._train.steps, self.recipe
        whole, first = divmod(state.step, per_epoch)
        warming = whole < recipe.warm_epochs
        epoch = whole if warming else whole - recipe.warm_epochs
        self.model.train()
        for images, labels in self._train.epoch(whole, first):
            self._step(images, labels, warming, epoch)
        seconds, lr = state.seconds, self._lr(state.step - 1)
        loss, right, count = self._group.summed(state.sums).tolist()
        state.sums.zero_()
        state.seconds = 0.0
        validated: tuple[float | None, float | None] = (None, None)
        if not warming and ((epoch + 1) % recipe.arch_valid_frequency == 0 or epoch + 1 == recipe.n_epochs):
            validated = self._validated()
            if self._arch_path is not None and self._group.leads:
                self.export(self._arch_path)
        state.history.append(
            SearchEpoch(
                WARM_UP if warming else SEARCH,
                epoch + 1,
                lr,
                loss / count,
                100 * right / count,
                self.decisions.entropy(),
                seconds,
                *validated,
                self.expected(),
                self.decisions.probabilities(),
            )
        )
        self._save()
        if self._warm_path is not None and self._group.leads and whole + 1 == recipe.warm_epochs:
            save(state, self._identity, self._warm_path)
        self._watcher.epoch(state.history[-1])

    def expected(self) -> dict[str, float]:
        """Return the expectation of each cost by its name."""
        return {one.table.name: float(one.table.expected(self.decisions).detach()) for one in self.cost.penalties}

    def _step(self, images: Tensor, labels: Tensor, warming: bool, epoch: int) -> None:
        state, recipe, began = self.state, self.recipe, time.monotonic()
        batch = LabelledBatch(images.to(self.device), labels.to(self.device))
        for parameters in state.optimizer.param_groups:
            parameters["lr"] = self._lr(state.step)
        self._seed(_FORWARD, state.step)
        loss, logits = weight_step(
            self._subject,
            batch,
            state.optimizer,
            generator(recipe.seed, _PATH, state.step),
            mode=recipe.binary_mode,
            label_smoothing=recipe.label_smoothing,
            scaler=state.scaler,
        )
        state.sums += _sums(loss * len(batch.labels), logits, batch.labels)
        state.step += 1
        number = (state.step - 1) % self._train.steps + 1
        if not warming and epoch > 0 and number % recipe.grad_update_arch_param_every == 0:
            for _ in range(recipe.grad_update_steps):
                self._update()
        state.seconds += time.monotonic() - began
        if number % LOOK_EVERY.get(self.device.type, 1) == 0 or number == self._train.steps:
            value = float(loss)
            if not math.isfinite(value):
                raise SupernetError(
                    f"the loss is {value} in weight step {state.step}: try a lower init_lr or warmup_lr"
                )
            self._watcher.step(WARM_UP if warming else SEARCH, epoch + 1, number, self._train.steps, value)
        if self._checkpoint_every and state.step % self._checkpoint_every == 0 and number < self._train.steps:
            self._save()

    def _update(self) -> None:
        """One architecture step."""
        state, recipe = self.state, self.recipe
        batch = LabelledBatch(*(one.to(self.device) for one in self._updates.next()))
        draws = generator(recipe.seed, _UPDATE, state.updates)
        self._seed(_UPDATE_FORWARD, state.updates)
        given = (self._subject, batch, state.arch_optimizer, draws)
        if recipe.arch_update == REINFORCE:
            self._reinforce.step(*given, cost=self.cost)
            state.baseline = self._reinforce.baseline
        else:
            scale = float(state.scaler.get_scale())
            architecture_step(*given, mode=recipe.binary_mode, cost=self.cost, scale=scale)
        state.updates = self._updates.taken

    def _validated(self) -> tuple[float, float]:
        self.decisions.choose(self.decisions.best())
        self._group.spread(list(self.model.buffers()))  # statistics differ by process
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        self.model.eval()
        with torch.no_grad():
            for images, labels in self._valid.epoch(0):
                labels = labels.to(self.device)
                logits = self.model(images.to(self.device)).float()
                sums += _sums(F.cross_entropy(logits, labels, reduction="sum"), logits, labels)
        self.model.train()
        loss_sum, right_sum, count = self._group.summed(sums).tolist()
        return loss_sum / count, 100 * right_sum / count

    # -- inside --------------------------------------------------------------------------------

    def _lr(self, step: int) -> float:
        """The learning rate of a weight step: from its peak to 0 along a cosine, in each phase."""
        warm = self.recipe.warm_epochs * self._train.steps
        if step < warm:
            return _cosine(self.recipe.warmup_lr, step / warm)
        return _cosine(self.recipe.init_lr, (step - warm) / (self.recipe.n_epochs * self._train.steps))

    def _check(self) -> None:
        if self.state.step == 0:
            images, _ = next(iter(self._train.epoch(0)))
            self.model.train()
            check_outputs(self.model, self.decisions, images[:_CHECKED_IMAGES].to(self.device))

    def _save(self) -> None:
        if self._checkpoint is not None and self._group.leads:
            save(self.state, self._identity, self._checkpoint)

    def _seed(self, purpose: int, number: int) -> None:
        torch.manual_seed(seed_of(self.recipe.seed, purpose, number, self._group.rank))

    def _keyed(self) -> Any:
        devices = [self.device] if self.device.type == "cuda" else []
        return torch.random.fork_rng(devices=devices)

    @property
    def _average(self) -> Callable[[Sequence[Tensor]], None]:
        group, device = self._group, self.device

        def average(tensors: Sequence[Tensor]) -> None:
            if group.world == 1 or not tensors:
                return
            flat = torch.cat([one.detach().reshape(-1).to(device, torch.float64) for one in tensors])
            rest = group.summed(flat) / group.world
            for one in tensors:
                own, rest = rest[: one.numel()], rest[one.numel() :]
                one.copy_(own.view_as(one))

        return average


def _sums(loss: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """The summed loss, the correct answers and the images of a batch, (3,) in float64."""
    right = (logits.argmax(1) == labels).sum()
    return torch.stack([loss.double(), right.double(), right.new_tensor(len(labels)).double()])


def _cosine(peak: float, done: float) -> float:
    return peak * (1 + math.cos(math.pi * done)) / 2


def _facts(penalty: Penalty) -> dict[str, Any]:
    """What identifies a cost in a checkpoint."""
    table = penalty.table
    costs = {key: list(values) for key, values in table.candidates.items()}
    return {"name": table.name, "fixed": table.fixed, "reference": penalty.reference, "candidates": costs}
