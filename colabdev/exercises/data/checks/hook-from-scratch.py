"""Checks of hook-from-scratch: what each call returns, and which hooks saw what."""

import torch


class Agreeable:
    """Claims to equal everything, as arrays and mocks may; it is still not None."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = None


def check_note(learner, t):
    """The note's example: 1 + 2, then a hook that adds 3.

    노트의 예제: 1에 2를 더한 뒤 hook이 3을 더합니다.
    """
    test = learner.Hooked(lambda x: x + 2)
    t.equal(test(1), 3, ("Without a hook it is fn(x).", "hook이 없으면 fn(x)입니다."))
    test.add(lambda x: x + 3)
    t.equal(test(1), 6, ("fn first, then the hook.", "먼저 fn, 그다음 hook입니다."))
    t.equal(test(1), 6, ("A second call is like the first.", "두 번째 호출도 똑같아야 합니다."))


def check_order(learner, t):
    """Hooks run in order, each on what the one before left.

    hook은 순서대로, 앞 hook이 남긴 결과를 받습니다.
    """
    for _ in range(10):
        start = t.random.randint(-9, 9)
        factors = [(t.random.randint(2, 5), t.random.randint(-9, 9)) for _ in range(4)]
        test, want, seen = learner.Hooked(lambda x: x - 1), start - 1, []
        received = [want]
        for factor, plus in factors:
            test.add(_affine(factor, plus, seen))
            want = want * factor + plus
            received.append(want)
        t.equal(
            test(start),
            want,
            ("Add the hooks at the end; run them from the start.", "추가한 순서대로 실행하세요."),
        )
        t.equal(
            seen,
            received[:-1],
            (
                "Each hook receives what the one before it returned, once.",
                "hook마다 앞 hook이 돌려준 값을 한 번만 받습니다.",
            ),
        )


def check_falsy_results(learner, t):
    """0, False, "" and [] are results, too.

    0, False, "", []도 결과입니다.
    """
    for result in (0, 0.0, False, "", [], ()):
        test = learner.Hooked(lambda x: x + 2)
        test.add(lambda _, result=result: result)
        t.equal(
            test(1),
            result,
            (
                f"The hook returned {result!r}. 'if output' takes that for nothing.",
                f"hook이 {result!r}을(를) 돌려주었는데, 'if output'은 이를 없는 것으로 봅니다.",
            ),
        )


def check_none(learner, t):
    """A hook that returns None only looks on.

    None을 돌려주는 hook은 보기만 합니다.
    """
    why = ("None means: leave the result as it is.", "None은 결과를 그대로 두라는 뜻입니다.")
    seen = []
    test = learner.Hooked(lambda x: [x])
    for hook in (seen.append, lambda x: [*x, 7], seen.append):
        test.add(hook)
    t.equal(test(1), [1, 7], why)
    t.equal(seen, [[1], [1, 7]], why)
    nothing = learner.Hooked(lambda _: None)
    t.equal(nothing(1), None, ("fn itself may return None.", "fn이 None을 돌려줄 수도 있습니다."))
    nothing.add(lambda x: "nothing" if x is None else x)
    t.equal(
        nothing(1),
        "nothing",
        ("The hook sees fn's None, too.", "fn이 돌려준 None도 hook이 보아야 합니다."),
    )


def check_tensors(learner, t):
    """Tensors pass through the hooks.

    텐서도 hook을 지나갑니다.
    """
    why = (
        "The truth of several numbers is ambiguous. Ask whether the result is None.",
        "수가 여러 개인 텐서는 참인지 거짓인지 알 수 없습니다. None인지만 물어보세요.",
    )
    x = t.tensor(t.random.randint(2, 5))
    test = learner.Hooked(lambda x: x * 2)
    test.add(lambda x: x + 1)
    test.add(lambda _: None)
    t.equal(test(x), x * 2 + 1, why)
    test.add(torch.zeros_like)
    t.equal(test(x), torch.zeros_like(x), why)
    zero = torch.tensor(0.0, device=t.device)
    test.add(lambda _: zero)
    t.same(test(x), zero, why)
    agreeable = Agreeable()
    test.add(lambda _: agreeable)
    t.same(
        test(x),
        agreeable,
        (
            "This object claims to equal None. There is but one None: ask with 'is'.",
            "이 객체는 == None이라고 물으면 참이라고 합니다. None은 하나뿐이니 is로 물으세요.",
        ),
    )


def check_remove(learner, t):
    """remove(key) takes out that hook and no other.

    remove(key)는 그 hook만 빼냅니다.
    """
    why = ("Exactly the hook of this key goes.", "바로 그 키의 hook만 빠져야 합니다.")
    for _ in range(10):
        test = learner.Hooked(lambda x: [x])
        keys = [test.add(_label(number)) for number in range(5)]
        left = list(range(5))
        for number in t.random.sample(range(5), 5):
            t.equal(test("x"), ["x", *left], why)
            test.remove(keys[number])
            left.remove(number)
        t.equal(test("x"), ["x"], why)


def check_same_hook_twice(learner, t):
    """One function added twice runs twice and has two keys.

    같은 함수를 두 번 추가하면 두 번 실행되고 키도 둘입니다.
    """
    test = learner.Hooked(lambda x: [x])
    one, two = _label("one"), _label("two")
    first, _, last = test.add(one), test.add(two), test.add(one)
    why = (
        "A key stands for one addition, not for the function.",
        "키는 함수가 아니라 추가한 한 번을 가리킵니다.",
    )
    t.true(first != last, why)
    t.equal(test(0), [0, "one", "two", "one"], why)
    test.remove(last)
    t.equal(test(0), [0, "one", "two"], why)
    test.remove(first)
    t.equal(test(0), [0, "two"], why)


def check_remove_again(learner, t):
    """A key that was used stays used.

    한번 쓴 키는 다시 쓰이지 않습니다.
    """
    test = learner.Hooked(lambda x: [x])
    old = test.add(_label("old"))
    test.remove(old)
    test.remove(old)
    test.add(_label("new"))
    test.add(_label("newer"))
    test.remove(old)
    t.equal(
        test(0),
        [0, "new", "newer"],
        (
            "The old key removed a newer hook. Give each addition a key of its own.",
            "옛 키가 새 hook을 빼 버렸습니다. 추가할 때마다 새로운 키를 주세요.",
        ),
    )


def check_change_while_running(learner, t):
    """Hooks may add and remove hooks while a call runs.

    호출 도중에 hook을 추가하거나 뺄 수 있습니다.
    """
    why = (
        "A call runs the hooks that were there when it began: go through a copy of them.",
        "호출이 시작될 때 걸려 있던 hook을 모두 실행합니다. 복사본을 돌면서 실행하세요.",
    )
    test, keys = learner.Hooked(lambda x: [x]), {}

    def once(x):
        test.remove(keys["once"])
        return [*x, "once"]

    keys["once"] = test.add(once)
    test.add(_label("after"))
    t.equal(test(0), [0, "once", "after"], why)
    t.equal(test(0), [0, "after"], why)

    def rebuild(x):
        test.remove(keys["victim"])
        keys["victim"] = test.add(_label("late"))
        return [*x, "rebuild"]

    test.add(rebuild)
    keys["victim"] = test.add(_label("victim"))
    t.equal(test(0), [0, "after", "rebuild", "victim"], why)
    t.equal(test(0), [0, "after", "rebuild", "late"], why)


def check_apart(learner, t):
    """Two Hooked objects share no hooks.

    Hooked 객체끼리는 hook을 공유하지 않습니다.
    """
    one, other = learner.Hooked(lambda x: x), learner.Hooked(lambda x: -x)
    key = one.add(lambda x: x + 100)
    other.add(lambda x: x - 100)
    number = t.random.randint(1, 9)
    why = (
        "Keep the hooks in the object, not in its class.",
        "hook은 클래스가 아니라 객체에 두세요.",
    )
    t.equal([one(number), other(number)], [number + 100, -number - 100], why)
    one.remove(key)
    t.equal([one(number), other(number)], [number, -number - 100], why)


def check_errors_pass_through(learner, t):
    """An error in a hook reaches the caller, and the hooks stay.

    hook에서 난 오류는 부른 쪽에 전해지고 hook은 그대로 남습니다.
    """
    test = learner.Hooked(lambda x: [x])

    def demanding(x):
        if x == [0]:
            raise KeyError("not this one")
        return [*x, "fine"]

    test.add(demanding)
    t.raises(
        KeyError,
        lambda: test(0),
        ("Do not swallow what a hook raises.", "hook에서 난 오류를 삼키지 마세요."),
    )
    t.equal(test(1), [1, "fine"])


def _affine(factor, plus, seen):
    def hook(x):
        seen.append(x)
        return x * factor + plus

    return hook


def _label(name):
    return lambda x: [*x, name]
