"""Events that could not be processed are sent again when the cause is gone: each is stored exactly once
then, and no dead letter is left but what is no event at all. The same while controller and storage are
killed in the middle."""

import itertools
import json
import os
import shutil
import subprocess
import unittest

import cases
import pipeline
from pipeline import Mentat, wait_for
from services import PROGRAMS

POISON = [f"poison-{number}" for number in range(2)]
# A rule that fails on each event that has a text to compare.
BROKEN_RULE = {"inspection_rules": [{"name": "broken rule", "rule": "Description > 5", "actions": [
    {"action": "tag", "args": {"path": "Note", "value": "x"}}]}]}
REJECT = {"on_error": "reject"}


def poison_event(identity):
    return {"Format": "IDEA0", "ID": identity, "DetectTime": "2024-03-05T15:52:22Z", "Category": ["Test"],
            "Note": "poison", "Node": [{"Name": "org.example.poison"}]}


def break_at_start(plan, configs):
    """Configurations, with the broken rule beside the others."""
    (plan.installation.etc / "rules").mkdir(exist_ok=True)
    (plan.installation.etc / "rules" / "broken.json").write_text(json.dumps(BROKEN_RULE))
    return configs


def mend_rules(mentat):
    (mentat.installation.etc / "rules" / "broken.json").unlink()
    mentat.mentat("ctl", "reload", "inspector")


def dead_letters(mentat, *words):
    """What `mentatctl dead-letters … --json` says, with its exit status."""
    result = subprocess.run(mentat.control.command(["dead-letters", *words, "--json"]), check=False,
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return result.returncode, json.loads(result.stdout or "{}"), result.stderr


def counts(mentat):
    """{(reason, stage, rule): count}"""
    status, told, error = dead_letters(mentat, "count")
    assert status == 0, error
    return {(group["reason"], group["stage"], group["rule"]): group["count"] for group in told["groups"]}


def check_all_stored(test, mentat, good):
    """Each good event is stored once, and all that is left is what is no event."""
    stored = [row[0] for row in mentat.sql("SELECT id FROM events")]
    test.assertEqual(len(stored), len(set(stored)), "events are stored twice")
    test.assertEqual(good - set(stored), set(), "events are lost")
    test.assertEqual(set(stored) - good, set(), "events are made up")
    left = mentat.sql("SELECT DISTINCT reason, replay_time IS NULL FROM dead_letters")
    test.assertLessEqual({tuple(row) for row in left}, {("malformed", "t"), ("too_large", "t")})
    mentat.check_ledgers()


class ReplayTest(unittest.TestCase):
    def test_all_are_stored_when_the_causes_are_gone(self):
        crasher = "tests/stages/crasher/crasher"
        # Rules are broken before the start, so that every event meets them.
        with Mentat(programs={"enricher": crasher}, configs=lambda plan: break_at_start(plan, {
                "enricher": {"database": None, "geoip": None}, "inspector": REJECT})) as mentat:
            sent = mentat.feed(600, bad=0.05)
            mentat.wait_settled()
            failed = counts(mentat)[("failed", "inspector", "broken rule")]
            self.assertEqual(failed, len(sent.good))
            self.assertEqual(mentat.count(), 0)

            # As long as the cause is there, they come back, each once.
            status, told, _ = dead_letters(mentat, "replay", "--rule", "broken rule", "--limit", "100")
            self.assertEqual(status, 1)
            self.assertEqual((told["rejected"], told["stored"]), (100, 0))
            self.assertEqual(counts(mentat)[("failed", "inspector", "broken rule")], failed)
            attempts = mentat.sql("SELECT attempts, count(*) FROM dead_letters WHERE rule <> '' GROUP BY 1 ORDER BY 1")
            self.assertEqual(attempts, [["1", str(failed - 100)], ["2", "100"]])

            mend_rules(mentat)
            status, told, error = dead_letters(mentat, "replay", "--rule", "broken rule")
            self.assertEqual((status, told["stored"]), (0, failed), error)

            for identity in POISON:
                mentat.put(poison_event(identity))
            mentat.wait_settled()
            self.assertEqual(sum(count for (reason, *_), count in counts(mentat).items() if reason == "poison"), len(POISON))
            # The cause goes: a program that does not die of them.
            real = mentat.installation.bin / "enricher"
            shutil.copy2(pipeline.BUILT / PROGRAMS["enricher"], real.with_name(".enricher"))
            os.replace(real.with_name(".enricher"), real)
            mentat.kill("enricher")
            mentat.wait_ready()
            status, told, error = dead_letters(mentat, "replay", "--reason", "poison")
            self.assertEqual((status, told["stored"]), (0, len(POISON)), error)

            # What is no event stays, and says why.
            status, told, _ = dead_letters(mentat, "replay", "--all")
            self.assertEqual(status, 1 if told["skipped"] else 0)
            self.assertEqual(told["skipped"], sum(counts(mentat).values()))
            check_all_stored(self, mentat, sent.good | set(POISON))
            status, told, _ = dead_letters(mentat, "discard", "--all")
            self.assertEqual(status, 0)
            self.assertEqual(mentat.count("dead_letters"), 0)

    def test_controller_and_storage_are_killed_in_the_middle(self):
        with Mentat(configs=lambda plan: break_at_start(plan, {"inspector": REJECT})) as mentat:
            sent = mentat.feed(4000)
            mentat.wait_settled()
            self.assertEqual(mentat.count("dead_letters"), len(sent.good))
            mend_rules(mentat)
            kills = 0
            for victim in itertools.islice(itertools.cycle(["controller", "storage", "controller"]), 6):
                before = mentat.count()
                # pylint: disable=consider-using-with
                replay = subprocess.Popen(mentat.control.command(["dead-letters", "replay", "--all", "--limit", "700"]),
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                wait_for(lambda: mentat.count() > before or replay.poll() is not None, "events are stored")
                mentat.kill(victim)
                kills += 1
                if victim == "controller":
                    replay.wait(pipeline.PATIENCE)
                else:
                    replay.kill()
                    replay.wait()
                mentat.wait_ready()
            print(f"{kills} kills; {mentat.count()} of {len(sent.good)} stored by then")

            def all_gone():
                dead_letters(mentat, "replay", "--all")
                return mentat.count("dead_letters") == 0

            wait_for(all_gone, lambda: f"no letter is left: {counts(mentat)}")
            check_all_stored(self, mentat, sent.good)


if __name__ == "__main__":
    cases.main()
