"""The model zoo: what is known of the models, where their weights are, and the user's own. `ZenNet.py` is its door.

`zoo.json` has the models that `catalogue.py` reads, `entry.py` what is known of one, `weights.py` finds and loads
weights, `userzoo.py` and `adding.py` keep those of the user.
"""
