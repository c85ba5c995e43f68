# 어떤 GPU인가요?
import torch

if torch.cuda.is_available():
    print(torch.cuda.get_device_name(0), "torch", torch.__version__)
else:
    print("GPU가 없습니다. 런타임 > 런타임 유형 변경에서 고르세요.")
