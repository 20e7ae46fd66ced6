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


DATA, ACKS = "inspector>enricher", "inspector<"
SWEEPS = [
    (DATA, HANDSHAKE, None),
    (DATA, HEAD, BATCH),
    (DATA, range(32, 4096, STEP), BATCH),
    # Each of these costs a time-out, since nobody tells of a lost acknowledgement: there is time for fewer.
    (ACKS, HANDSHAKE[::3] if STEP > 1 else HANDSHAKE, None),
    (ACKS, HEAD[::2] if STEP > 1 else HEAD, ACK),
    (ACKS, range(32, 100, min(STEP, 17)), ACK),
]


class LinkCutTest(unittest.TestCase):
    def test_links_are_cut_at_each_byte(self):
        def configs(plan):
            changes = reroute(proxy, plan, "inspector")
            changes["inspector"]["pipeline"]["outputs"]["default"]["ack_timeout_ms"] = 500
            return changes

        with Proxy() as proxy, Mentat(configs=configs) as mentat:
            sent = mentat.feed(500, bad=0.01)
            mentat.wait_settled()
            seed = 1
            for link, offsets, frame in SWEEPS:
                before = proxy.counts(link)["cuts"]
                proxy.cut(link, offsets, frame)
                while proxy.counts(link)["left"]:
                    seed += 1
                    feeder = mentat.feed(400, rate=200, bad=0.01, seed=seed, wait=False)
                    wait_for(lambda: not feeder.feeding(), "events are fed")
                    sent |= feeder.finish()
                cuts = proxy.counts(link)["cuts"] - before
                print(f"{link}, {'from its start' if frame is None else 'in a frame'}: {cuts} cuts at {len(offsets)} offsets")
                self.assertGreaterEqual(cuts, 0.9 * len(offsets))
            mentat.wait_settled()
            mentat.check(sent)
            mentat.check_ledgers()
            mentat.check_budget()


if __name__ == "__main__":
    cases.main()
