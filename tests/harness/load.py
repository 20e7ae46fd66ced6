"""Events that are fed in the background while something happens to an installation."""

import threading

from pipeline import wait_for

RATE = 300  # events a second


class Load:
    """Feeds events in the background, portion after portion."""

    def __init__(self, installation):
        self.installation = installation
        self.ended = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        before = self.installation.count()
        wait_for(lambda: self.installation.count() > before, "events are stored")
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self):
        try:
            while not self.ended.is_set():
                self.installation.feed(2 * RATE, RATE)
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure
