"""Accuracy of networks: measured on images, compared with an exported file, or read from a table.

`evaluation.py` evaluates a trained model, `protocol.py` counts correct answers, `images.py` chooses the images for
exported files, `comparison.py` compares a file with its network, and `tables/` reads published accuracies.
"""
