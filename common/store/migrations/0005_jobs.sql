-- Jobs that run by a schedule, once over all instances. docs/scheduler.md explains them.

CREATE TABLE jobs (
    name text PRIMARY KEY CHECK (name <> ''),
    -- Whoever runs the job holds the advisory lock (1835363956, lock_id).
    lock_id integer NOT NULL UNIQUE GENERATED ALWAYS AS IDENTITY,
    description text NOT NULL,
    schedule text NOT NULL,
    time_zone text NOT NULL,
    missed text NOT NULL CHECK (missed IN ('skip', 'once', 'all')),
    -- Most runs that are begun for one time, where whoever ran it died.
    attempts integer NOT NULL CHECK (attempts > 0),
    kept_runs integer NOT NULL CHECK (kept_runs > 0),
    -- What the configuration says, to see when it changes.
    configured_enabled boolean NOT NULL,
    enabled boolean NOT NULL,
    -- The first time not dealt with yet; NULL if there is none.
    next_due timestamptz,
    -- When next_due was computed: a clock that was wrong by hours shows by it.
    due_set_time timestamptz NOT NULL,
    -- Since when a run on request waits; NULL if none does.
    request_time timestamptz,
    -- When an instance that can run it was there last, to the minute.
    seen_time timestamptz NOT NULL
);

CREATE TABLE job_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text NOT NULL REFERENCES jobs (name) ON UPDATE CASCADE ON DELETE CASCADE,
    due_time timestamptz,  -- NULL for a run on request
    attempt integer NOT NULL,
    instance text NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz,
    outcome text NOT NULL CHECK (outcome IN ('running', 'ok', 'failed', 'abandoned', 'missed')),
    -- What the job says of its result, or why it failed.
    message text NOT NULL DEFAULT '',
    UNIQUE (job, due_time, attempt)
);
CREATE UNIQUE INDEX job_runs_running_idx ON job_runs (job) WHERE outcome = 'running';
CREATE INDEX job_runs_job_idx ON job_runs (job, id);

-- Whether somebody who is alive runs the job.
CREATE FUNCTION job_is_locked(lock_id integer) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND classid = 1835363956 AND objid = lock_id AND objsubid = 2
            AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
$$;
