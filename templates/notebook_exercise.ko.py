# 첫 연습: 숫자 여섯 개를 직접 쓰지 말고 2행 3열 텐서 [[0, 1, 2], [3, 4, 5]]를 만드세요.
# 과정에는 더 많이 있습니다. 내 컴퓨터에서 'colabdev exercises start'를 실행하세요.
import torch

answer = None  # TODO: torch.arange와 reshape

if answer is None:
    print("아직입니다. None 자리에 텐서를 넣고 이 셀을 다시 실행하세요.")
elif torch.equal(answer, torch.tensor([[0, 1, 2], [3, 4, 5]])):
    print("맞았습니다.")
else:
    print("아직 다릅니다. 지금 답은", answer)
