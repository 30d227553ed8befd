"""The margin lab: is it the margin, the weight, or the pairs? On frozen vectors, in minutes."""
