"""Searching for programs: statistics of networks kept in a folder, and the fitness of programs on them.

`settings.py` says what is collected, `layout.py` where it lies and how much it is, `collecting.py` collects it once,
`cache.py` reads it, `evaluation.py` evaluates trees on it, and `fitness.py` compares the scores with accuracies.
Trees, operations and statistics themselves are parts of proxies, `ZeroShotProxy/programs`.
"""
