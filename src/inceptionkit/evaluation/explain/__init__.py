"""Where in an image an answer comes from: class activation maps, gradients, occlusion."""
