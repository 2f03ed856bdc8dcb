"""The proxies, one file each, found by name. `ZeroShotProxy/base.py` says what a proxy is."""
