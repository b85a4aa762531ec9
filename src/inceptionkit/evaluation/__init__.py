"""What a model is worth, and answering with it: metrics, exit policies, the classifier."""
