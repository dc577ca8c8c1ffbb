"""How busy the server is, as a stop needs to know it."""

from collections.abc import Callable


class Activity:
    """Entered by every request; once `closing` is set, every answer tells its client to disconnect."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.closing = False
        self.in_flight = 0
        self.last_seconds = clock()

    def __enter__(self) -> None:
        self.in_flight += 1

    def __exit__(self, *_: object) -> None:
        self.in_flight -= 1
        self.last_seconds = self._clock()

    def quiet_for(self, seconds: float) -> bool:
        """No request under way, and none ended within the last `seconds`."""
        return not self.in_flight and self._clock() - self.last_seconds >= seconds
