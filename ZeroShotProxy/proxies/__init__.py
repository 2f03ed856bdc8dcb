"""The proxies, one file for each paper or baseline. `ZeroShotProxy/base.py` explains how they are registered."""
