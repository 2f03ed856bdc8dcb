"""A small search in several processes of torchrun; each prints its architecture parameters and a sum of its weights."""

from __future__ import annotations

import sys

import torch
from torch.utils.data import DataLoader, DistributedSampler

from tests.zennas.supernet.searches import cost, images, network
from zennas.supernet import ProxylessTrainer
from zennas.training.distributed import processes

if __name__ == "__main__":
    torch.set_num_threads(1)
    with processes("cpu") as group:
        model = network()
        loaders = []
        for seed in (1, 2):
            part = images(32, seed)
            sampler = DistributedSampler(part, group.world, group.rank, seed=seed)
            loaders.append(DataLoader(part, batch_size=4, sampler=sampler))
        trainer = ProxylessTrainer(
            model,
            torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
            group.device,
            *loaders,
            n_epochs=2,
            warmup_epochs=1,
            arch_optim_lr=0.05,
            grad_update_arch_param_every=1,
            cost=cost(),
            group=group,
        )
        trainer.train()
        alphas = [alpha.tolist() for alpha in trainer.decisions.state().values()]
        weights = [float(p.detach().double().sum()) for p in model.parameters()]
        sys.stdout.write(f"rank {group.rank}|{alphas} {weights} {trainer.history[-1].valid_top1}\n")
