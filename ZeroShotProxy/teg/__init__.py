"""TEG-NAS's three indicators of one architecture: trainability, expressivity and generalisation.

    evaluate = Evaluator(images, seed=0)      # evaluator.py; images: TegImages
    evaluate(structure)                       # Indicators: three values, each a number or the reason why there is none

They are not the proxies `ntk`, `ntk_regression` and `linear_regions`: every architecture is the same few supernets with
its operations switched on, and sees the same images. So differences between architectures are not noise of weights.
`supernets.py` says what a supernet is, `spaces/` has one file for each space, `rows.py` and `kernels.py` compute the
tangent kernels, `regions.py` counts regions.

Source: Chen et al., Understanding and Accelerating Neural Architecture Search with Training-Free and Theory-Grounded
Metrics, TPAMI 2024.
"""
