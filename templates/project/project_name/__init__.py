"""project_name: a PyTorch project made to lose its machine and go on."""
