"""From a chip, a folder of images and a time limit to a checked file: a search, a training and an export in one run."""
