"""Writes the ID of each event into a file: sink.py ENDPOINT FILE."""

import os
import sys

import mentat_peer
from mentat.idea.v1.event_pb2 import Event


def main():
    endpoint, path = sys.argv[1:]
    with open(path, "a", encoding="utf-8") as file:
        def take(events):
            for event in events:
                print(Event.FromString(event).id, file=file)
            file.flush()
            os.fsync(file.fileno())

        mentat_peer.Sink(endpoint, take).run()


if __name__ == "__main__":
    main()
