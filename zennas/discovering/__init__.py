"""Searching for programs: statistics of networks kept in a folder, and the fitness of programs on them.

`settings.py` says what is collected, `layout.py` where it lies and how much it is, `collecting.py` collects it once,
`cache.py` reads it, `evaluation.py` evaluates trees on it, in several processes with `workers.py`, and `fitness.py`
compares the scores with accuracies.
`choices.py` has the settings of a search, `grammar.py` draws and varies programs with DEAP, `registers.py` sequential
ones, `selection.py` chooses parents, by the costs of `costs.py` if asked to, `tasks.py` draws networks,
`evolution.py` makes generations, `finals.py` compares the best on other networks, and `running.py` does all of it.
`from_tables.py` does it for networks from tables, which `sources.py` draws as `source_settings.py` says.
Trees, operations and statistics themselves are parts of proxies, `ZeroShotProxy/programs`.
"""
