-- Events, their identifiers, and dead letters. docs/database.md explains the tables.

-- Ranges of addresses of both families; the multirange type gives search by overlap.
CREATE TYPE inetrange AS RANGE (subtype = inet);

-- One row an event, in partitions by the time of detection. No list is NULL: an event without a value
-- has the empty list.
CREATE TABLE events (
    detect_time timestamptz NOT NULL,
    storage_time timestamptz NOT NULL,
    create_time timestamptz,
    received_time timestamptz,
    id text NOT NULL,
    category text[] NOT NULL,
    description text,
    source_net inetmultirange NOT NULL,
    target_net inetmultirange NOT NULL,
    source_port integer[] NOT NULL,
    target_port integer[] NOT NULL,
    source_type text[] NOT NULL,
    target_type text[] NOT NULL,
    protocol text[] NOT NULL,
    node_name text[] NOT NULL,
    node_type text[] NOT NULL,
    resolved_abuses text[] NOT NULL,
    target_abuses text[] NOT NULL,
    source_asn bigint[] NOT NULL,
    source_country text[] NOT NULL,
    event_class text,
    event_subclass text[] NOT NULL,
    event_severity text,
    target_class text,
    target_subclass text[] NOT NULL,
    target_severity text,
    inspection_errors text[] NOT NULL,
    tlp text,
    shadow_reporting boolean NOT NULL,
    shadow_reporting_target boolean NOT NULL,
    event json NOT NULL,
    -- Finds an event with the help of event_ids, and gives pages in the order of time.
    PRIMARY KEY (detect_time, id)
) PARTITION BY RANGE (detect_time);

CREATE INDEX events_storage_time_idx ON events USING brin (storage_time);
CREATE INDEX events_lists_idx ON events USING gin (
    category, node_name, node_type, protocol, source_port, target_port, source_type, target_type,
    resolved_abuses, target_abuses, source_country, source_asn, inspection_errors
);
CREATE INDEX events_source_net_idx ON events USING gist (source_net);
CREATE INDEX events_target_net_idx ON events USING gist (target_net);

-- What lies outside of all other partitions: odd times make no tables.
CREATE TABLE events_default PARTITION OF events DEFAULT;

-- The partitions made so far, by the times that they hold.
CREATE TABLE event_partitions (
    first timestamptz PRIMARY KEY,
    last timestamptz NOT NULL CHECK (first < last),  -- not included
    name text NOT NULL UNIQUE
);

-- The home of the identifiers: a key of a partitioned table has to contain the time, so that the same
-- event with another time would be stored again.
CREATE TABLE event_ids (
    id text PRIMARY KEY,
    detect_time timestamptz NOT NULL,
    storage_time timestamptz NOT NULL
);
CREATE INDEX event_ids_storage_time_idx ON event_ids USING brin (storage_time);

-- Events that could not be processed, as they came.
CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason text NOT NULL,
    stage text NOT NULL,
    instance text NOT NULL,
    message text NOT NULL,
    event bytea NOT NULL,
    -- `protobuf`: a serialised mentat.idea.v1.Event; `raw`: bytes as a source read them.
    event_format text NOT NULL CHECK (event_format IN ('protobuf', 'raw')),
    event_sha256 bytea NOT NULL GENERATED ALWAYS AS (sha256(event)) STORED,
    event_id text,
    received_time timestamptz,
    first_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    UNIQUE (event_sha256, stage, reason)
);
CREATE INDEX dead_letters_event_id_idx ON dead_letters (event_id);
CREATE INDEX dead_letters_last_time_idx ON dead_letters (last_time);

-- Makes the partitions that are missing between two times, each of `days` days at the most (counted
-- from a Monday), and moves what they have to hold out of the default partition. Returns how many.
CREATE FUNCTION create_event_partitions(since timestamptz, until timestamptz, days integer)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    monday CONSTANT timestamptz := '1970-01-05 00:00:00+00';
    width CONSTANT interval := make_interval(hours => 24 * days);
    step_first timestamptz;
    step_last timestamptz;
    partition text;
    made integer := 0;
BEGIN
    IF days < 1 OR until - since > interval '100 years' THEN
        RAISE EXCEPTION 'partitions of % days from % to % are out of bounds', days, since, until;
    END IF;
    -- One at a time, until the end of the transaction.
    PERFORM pg_advisory_xact_lock(hashtext('create_event_partitions'));
    step_first := date_bin(width, since, monday);
    WHILE step_first < until LOOP
        SELECT last INTO step_last FROM event_partitions
            WHERE first <= step_first AND step_first < last;
        IF FOUND THEN
            step_first := step_last;
            CONTINUE;
        END IF;
        step_last := date_bin(width, step_first, monday) + width;
        SELECT least(step_last, min(first)) INTO step_last FROM event_partitions
            WHERE first > step_first;
        partition := 'events_' || to_char(step_first AT TIME ZONE 'UTC', 'YYYYMMDD');
        -- Attached when it is full: whoever has no rows in the default partition goes on meanwhile.
        LOCK TABLE events_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                       partition);
        EXECUTE format('WITH moved AS (DELETE FROM events_default
                            WHERE detect_time >= %L AND detect_time < %L RETURNING *)
                        INSERT INTO %I SELECT * FROM moved', step_first, step_last, partition);
        EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       partition, step_first, step_last);
        INSERT INTO event_partitions VALUES (step_first, step_last, partition);
        made := made + 1;
        step_first := step_last;
    END LOOP;
    RETURN made;
END $$;

-- Drops the partitions that hold only events detected before `cutoff`, and from the default partition
-- what was stored before it. Returns how many partitions.
CREATE FUNCTION drop_event_partitions(cutoff timestamptz)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    old event_partitions;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('create_event_partitions'));
    FOR old IN SELECT * FROM event_partitions WHERE last <= cutoff ORDER BY first LOOP
        EXECUTE format('DROP TABLE %I', old.name);
        DELETE FROM event_partitions WHERE first = old.first;
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM events_default WHERE storage_time < cutoff;
    RETURN dropped;
END $$;

-- Forgets up to `most` identifiers of events that were detected and stored before `cutoff`.
CREATE FUNCTION forget_event_ids(cutoff timestamptz, most integer)
RETURNS bigint LANGUAGE sql AS $$
    WITH forgotten AS (
        DELETE FROM event_ids WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM event_ids
            WHERE storage_time < cutoff AND detect_time < cutoff LIMIT most))
        RETURNING 1)
    SELECT count(*) FROM forgotten
$$;
