# Which GPU is this?
import torch

if torch.cuda.is_available():
    print(torch.cuda.get_device_name(0), "with torch", torch.__version__)
else:
    print("No GPU: choose one with Runtime > Change runtime type.")
