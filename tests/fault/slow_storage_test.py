"""The database stands still while events pour in: memory stays flat everywhere, the source stops
reading, and all is stored when the database goes on."""

import subprocess
import unittest

import cases
from pipeline import Mentat, wait_for

# What a service may grow by while the pressure is on, for allocators that fill up their pools.
ROOM = 24 << 20


class Lock:
    """A lock on the table of ids, as an operator's forgotten session holds it."""

    def __init__(self, mentat):
        # pylint: disable=consider-using-with
        self.session = subprocess.Popen(["psql", "-XAtq", "-d", mentat.plan.dsn()], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.session.stdin.write("BEGIN; LOCK TABLE event_ids, events IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
        self.session.stdin.flush()
        assert self.session.stdout.readline() == "locked\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.communicate("ROLLBACK;\n")


class SlowStorageTest(unittest.TestCase):
    def test_memory_stays_flat_and_the_pressure_reaches_the_source(self):
        with Mentat() as mentat:
            first = mentat.feed(2000)
            mentat.wait_settled()
            with Lock(mentat):
                second = mentat.feed(30000, seed=2)
                waiting = self.wait_steady(mentat)
                self.assertGreater(waiting, 0, "the source has gone on reading")
                before = mentat.memory()
                third = mentat.feed(20000, seed=3)
                self.assertEqual(self.wait_steady(mentat), waiting + 20000)
                after = mentat.memory()
            for name, memory in after.items():
                print(f"{name}: {before[name] / 2**20:.1f} MiB, then {memory / 2**20:.1f} MiB")
                self.assertLessEqual(memory, before[name] + ROOM, name)
            sent = first | second | third
            mentat.wait_settled(600)
            mentat.check(sent)
            mentat.check_ledgers()

    def wait_steady(self, mentat):
        """Waits until the source takes no more files; how many wait in incoming."""
        counts = []

        def steady():
            counts.append(len(mentat.files("incoming")))
            return len(counts) > 40 and len(set(counts[-40:])) == 1

        wait_for(steady, lambda: f"the source stops reading: {counts[-5:]}")
        return counts[-1]


if __name__ == "__main__":
    cases.main()
