"""The predictor of binary relations: a graph network that says which of two networks is better.

Source: Dudziak et al., BRP-NAS: Prediction-based NAS using GCNs, NeurIPS 2020. `neighbourhoods.py` prepares graphs,
`network.py` is the network with its loss, and `training.py` trains it.
`zennas/searching/strategies/predictor.py` searches with it.
"""
