-- Dead letters can be searched, counted and sent again.

ALTER TABLE dead_letters
    -- The rule that the event failed on; empty if it was none.
    ADD COLUMN rule text NOT NULL DEFAULT '',
    -- Since when the event is on its way through the pipeline again; NULL if it is not.
    ADD COLUMN replay_time timestamptz;

-- Pages, newest first, of all and of those that are asked for most.
DROP INDEX dead_letters_last_time_idx;
CREATE INDEX dead_letters_last_time_idx ON dead_letters (last_time, id);
CREATE INDEX dead_letters_reason_idx ON dead_letters (reason, last_time, id);
CREATE INDEX dead_letters_stage_idx ON dead_letters (stage, last_time, id);
CREATE INDEX dead_letters_rule_idx ON dead_letters (rule, last_time, id);
-- Counts by group, without a look at the rows.
CREATE INDEX dead_letters_group_idx ON dead_letters (reason, stage, rule, last_time)
    INCLUDE (first_time);
CREATE INDEX dead_letters_replay_time_idx ON dead_letters (replay_time)
    WHERE replay_time IS NOT NULL;
