"""The time, which tests replace."""

import time


class Clock:
    """Tells the time and sleeps."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""
        time.sleep(seconds)
