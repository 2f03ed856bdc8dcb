"""From text to a network: a structure, a file, a folder of a run or a training, the zoo, torchvision, timm.

`structures.py` finds structures, `networks.py` what can be timed, `models.py` networks with trained weights,
`teachers.py` networks to learn from; `zoo.py` and `card.py` are the files that trained networks are kept in.
"""
