"""The detector with shared features: the trunk runs once an image, each region reads what it left.

Proposals come from a layer on the trunk, their features from region pooling, and one network of a
few layers classifies them and corrects their boxes.

Sources:
    Ren et al. 2015, arXiv:1506.01497; region pooling as in He et al. 2017, arXiv:1703.06870.
"""
