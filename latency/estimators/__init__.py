"""Compilers that estimate the latency of networks on devices that are not here. One file each."""
