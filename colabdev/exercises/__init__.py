"""The course of PyTorch exercises."""
