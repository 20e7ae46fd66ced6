-- Abuse groups and the networks that belong to them.

CREATE TABLE abuse_groups (
    name text PRIMARY KEY CHECK (name <> ''),
    description text NOT NULL DEFAULT '',
    source text NOT NULL DEFAULT 'manual',
    enabled boolean NOT NULL DEFAULT true,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE networks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The addresses from first to last, both included, of one family, without a prefix length.
    first inet NOT NULL,
    last inet NOT NULL,
    abuse_group text NOT NULL REFERENCES abuse_groups (name) ON UPDATE CASCADE ON DELETE CASCADE,
    netname text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    source text NOT NULL DEFAULT 'manual',
    -- Identifier of the network in its source.
    local_id text,
    -- The smaller rank goes first where networks are equally narrow.
    rank integer,
    -- The group is also responsible for what narrower networks of other groups do not take.
    is_base boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT networks_bounds CHECK (
        family(first) = family(last) AND first <= last
        AND masklen(first) = CASE family(first) WHEN 4 THEN 32 ELSE 128 END
        AND masklen(last) = CASE family(last) WHEN 4 THEN 32 ELSE 128 END
    ),
    UNIQUE (first, last, source, abuse_group)
);
CREATE INDEX networks_abuse_group_idx ON networks (abuse_group);

-- A number that grows with each change of a subject: a reader of whole tables looks here first.
CREATE TABLE table_versions (
    subject text PRIMARY KEY,
    version bigint NOT NULL DEFAULT 1
);
INSERT INTO table_versions (subject) VALUES ('networks');

-- For statement triggers; the argument is the subject.
CREATE FUNCTION raise_table_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE table_versions SET version = version + 1 WHERE subject = TG_ARGV[0];
    RETURN NULL;
END $$;

CREATE TRIGGER networks_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON networks
    FOR EACH STATEMENT EXECUTE FUNCTION raise_table_version('networks');
CREATE TRIGGER abuse_groups_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON abuse_groups
    FOR EACH STATEMENT EXECUTE FUNCTION raise_table_version('networks');
