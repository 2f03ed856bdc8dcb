"""The model zoo: descriptions of models, their weights, and models that users add. `ZenNet.py` is the public interface.

`zoo.json` lists the built-in models, and `catalogue.py` reads it. `entry.py` describes one model. `weights.py` finds
and loads weights. `userzoo.py` and `adding.py` manage the models of the user.
"""
