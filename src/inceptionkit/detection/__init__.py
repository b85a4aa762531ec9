"""Finding objects in images with classifiers of the Inception family.

Two detectors: R-CNN (a classifier on warped proposals, as GoogLeNet's entry in ILSVRC 2014) and one
with shared features. Annotations, proposals and metrics need no torch.
"""
