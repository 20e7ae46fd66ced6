-- Effects beside the rows (mail, an event to another system): written in the transaction of what they
-- follow from, and delivered afterwards. docs/outbox.md.
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    -- Known to the receiver, so that what comes twice is done once.
    key text NOT NULL,
    payload bytea NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    enqueue_time timestamptz NOT NULL DEFAULT now(),
    -- When the next attempt is due; while one is made, when it counts as lost.
    due_time timestamptz NOT NULL DEFAULT now(),
    -- When it was delivered or given up.
    end_time timestamptz,
    last_error text NOT NULL DEFAULT '',
    UNIQUE (kind, key)
);
CREATE INDEX outbox_due_time_idx ON outbox (due_time) WHERE state = 'pending';
CREATE INDEX outbox_delivered_idx ON outbox (end_time) WHERE state = 'delivered';
CREATE INDEX outbox_kind_state_idx ON outbox (state, kind, id);
