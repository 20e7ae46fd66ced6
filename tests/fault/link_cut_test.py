"""The link between two stages is cut within the handshake, the frame of a batch and the frame of an
acknowledgement, byte by byte: no part of a batch is taken for a batch, nothing is lost or stored twice."""

import os
import unittest

import cases
from pipeline import Mentat, wait_for
from proxy import ACK, BATCH, Proxy, reroute

# Each byte of the heads is tried; of what is longer each STEP-th, or all where there is time for it.
STEP = int(os.environ.get("MENTAT_CUT_STEP", "97"))
HANDSHAKE = range(0, 130, min(STEP, 5))  # greeting, READY and what follows
HEAD = range(0, 32)  # ZMTP's frame header, ours, and the first bytes of the message


class LinkCutTest(unittest.TestCase):
    def test_batches_are_cut(self):
        self.cut("inspector>enricher", [(HANDSHAKE, None), (HEAD, BATCH), (range(32, 4096, STEP), BATCH)])

    def test_acknowledgements_are_cut(self):
        # Each costs a time-out, so that there is time for fewer.
        self.cut("inspector<", [(HANDSHAKE[::3], None), (HEAD[::min(STEP, 2)], ACK), (range(32, 100, min(STEP, 17)), ACK)])

    def cut(self, link, sweeps):
        def configs(plan):
            changes = reroute(proxy, plan, "inspector")
            output = changes["inspector"]["pipeline"]["outputs"]["default"]
            # Nobody tells of a lost acknowledgement, so each has to be waited for.
            output["ack_timeout_ms"] = 500
            return changes

        with Proxy() as proxy, Mentat(configs=configs) as mentat:
            def left():
                return proxy.counts(link)["left"]

            sent = mentat.feed(500, bad=0.01)
            mentat.wait_settled()
            seed = 1
            for offsets, frame in sweeps:
                before = proxy.counts(link)["cuts"]
                proxy.cut(link, offsets, frame)
                while left():
                    seed += 1
                    feeder = mentat.feed(600, rate=200, bad=0.01, seed=seed, wait=False)
                    wait_for(lambda: not feeder.feeding(), "events are fed")
                    sent |= feeder.finish()
                cuts = proxy.counts(link)["cuts"] - before
                print(f"{link}, {'stream' if frame is None else 'frame'}: {cuts} cuts at {len(offsets)} offsets")
                self.assertGreaterEqual(cuts, 0.9 * len(offsets))
            mentat.wait_settled()
            mentat.check(sent)
            mentat.check_ledgers()
            mentat.check_budget()


if __name__ == "__main__":
    cases.main()
