"""Varying the training images. What is drawn needs numpy alone; what computes needs torch."""
