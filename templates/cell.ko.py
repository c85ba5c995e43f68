# @title colabdev: 노트북 컴퓨터에서 SSH로 접속 (Colab은 컴퓨팅 단위가 있어야 허용합니다)
# 아래의 공개 키를 가진 컴퓨터만 받는 전용 SSH 서버를 띄우고 터널을 연 뒤, 노트북 컴퓨터에서 실행할
# 한 줄을 출력합니다. colabdev_stop()을 실행하면 모두 끝납니다.
# Google 약관: 컴퓨팅 단위가 없는 계정은 Colab에서 SSH를 쓸 수 없으며, 쓰면 세션이 끊길 수 있습니다.
# 이 셀에는 다른 코드를 넣지 마세요. 셀 전체가 백그라운드에서 한 번 더 실행됩니다.
# @markdown WORKSPACE_ROOT: 프로젝트를 둘 폴더(비우면 /content). KEEP_OPEN: 상태를 한 줄로 표시.
NAME = "colab"  # @param {type:"string"}
WORKSPACE_ROOT = ""  # @param {type:"string"}
KEEP_OPEN = False  # @param {type:"boolean"}
