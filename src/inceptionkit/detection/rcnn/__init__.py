"""R-CNN: an image classifier on warped proposals, as GoogLeNet's entry in ILSVRC 2014 used it.

Sources:
    Girshick et al., "Rich feature hierarchies for accurate object detection and semantic
    segmentation", 2014; Szegedy et al., "Going Deeper with Convolutions", 2014, section 8.
"""
