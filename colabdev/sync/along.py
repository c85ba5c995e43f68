"""What a runtime shall begin of itself as soon as a sync has ended well there."""

import os
from collections.abc import Callable


class Along:
    """Something that is asked for along with a sync's question, which saves a round trip.

    *begin* is called at most once, with the code digest that the project will have: when it is
    foreseen here that both sides will agree. What it starts there waits for the sync's word under
    *token*. After the sync *holds* tells whether that word was yes.
    """

    def __init__(self, begin: Callable[[str, str], None]) -> None:
        self.token = os.urandom(8).hex()
        self.begun = False
        self.holds = False
        self._begin = begin

    def begin(self, code_digest: str) -> None:
        """Ask for it."""
        self.begun = True
        self._begin(self.token, code_digest)
