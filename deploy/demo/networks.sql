-- The demo's abuse groups and networks: 1,091 networks of 165 groups, nested up to four deep, over the
-- inner ranges that tools/ideagen draws from. Every name ends in `.example`. May be run again.
--
--   three small networks          192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24
--   sixteen organisations         10.N.0.0/16 and 2001:db8:N::/48
--     departments of each         /24 and /56 networks inside
--       their servers             /28 networks inside those
--       one host of each group of servers, with two groups
--     halls of residence of each  a range that is no network
BEGIN;

CREATE TEMPORARY TABLE demo_networks (
    first inet NOT NULL,
    last inet NOT NULL,
    abuse_group text NOT NULL,
    netname text NOT NULL
) ON COMMIT DROP;

INSERT INTO demo_networks VALUES
    ('192.0.2.0', '192.0.2.255', 'abuse@harbour.example', 'HARBOUR'),
    ('198.51.100.0', '198.51.100.255', 'abuse@museum.example', 'MUSEUM'),
    ('203.0.113.0', '203.0.113.255', 'abuse@observatory.example', 'OBSERVATORY');

-- Organisations.
INSERT INTO demo_networks
SELECT '10.0.0.0'::inet + n * 65536, '10.0.0.0'::inet + n * 65536 + 65535,
       format('abuse@org%s.example', lpad(n::text, 2, '0')), format('ORG%s', n)
FROM generate_series(0::bigint, 15) AS n;

INSERT INTO demo_networks
SELECT format('2001:db8:%s::', to_hex(n))::inet,
       format('2001:db8:%s:ffff:ffff:ffff:ffff:ffff', to_hex(n))::inet,
       format('abuse@org%s.example', lpad(n::text, 2, '0')), format('ORG%s-V6', n)
FROM generate_series(0, 15) AS n;

-- Departments: eight groups share the 48 networks of an organisation.
INSERT INTO demo_networks
SELECT '10.0.0.0'::inet + n * 65536 + d * 1280, '10.0.0.0'::inet + n * 65536 + d * 1280 + 255,
       format('abuse@dept%s.org%s.example', d % 8, lpad(n::text, 2, '0')), format('ORG%s-DEPT%s', n, d)
FROM generate_series(0::bigint, 15) AS n, generate_series(0::bigint, 47) AS d;

INSERT INTO demo_networks
SELECT format('2001:db8:%s:%s00::', to_hex(n), to_hex(d))::inet,
       format('2001:db8:%s:%sff:ffff:ffff:ffff:ffff', to_hex(n), to_hex(d))::inet,
       format('abuse@dept%s.org%s.example', d, lpad(n::text, 2, '0')), format('ORG%s-DEPT%s-V6', n, d)
FROM generate_series(0, 15) AS n, generate_series(1, 7) AS d;

-- Servers in the first eight departments.
INSERT INTO demo_networks
SELECT '10.0.0.0'::inet + n * 65536 + d * 1280 + 16, '10.0.0.0'::inet + n * 65536 + d * 1280 + 31,
       format('abuse@servers.org%s.example', lpad(n::text, 2, '0')), format('ORG%s-SERVERS%s', n, d)
FROM generate_series(0::bigint, 15) AS n, generate_series(0::bigint, 7) AS d;

-- In each organisation one host that two groups answer for.
INSERT INTO demo_networks
SELECT '10.0.0.0'::inet + n * 65536 + 17, '10.0.0.0'::inet + n * 65536 + 17,
       g, format('ORG%s-SHARED', n)
FROM generate_series(0::bigint, 15) AS n,
     unnest(ARRAY[format('abuse@servers.org%s.example', lpad(n::text, 2, '0')), 'cloud@harbour.example']) AS g;

-- Halls of residence.
INSERT INTO demo_networks
SELECT '10.0.240.10'::inet + n * 65536, '10.0.243.99'::inet + n * 65536,
       'abuse@residence.example', format('ORG%s-RESIDENCE', n)
FROM generate_series(0::bigint, 15) AS n;

INSERT INTO abuse_groups (name, description, source)
SELECT DISTINCT abuse_group, 'Made up for the demo', 'demo' FROM demo_networks
ON CONFLICT (name) DO NOTHING;

INSERT INTO networks (first, last, abuse_group, netname, description, source)
SELECT first, last, abuse_group, netname, 'Made up for the demo', 'demo' FROM demo_networks
ON CONFLICT (first, last, source, abuse_group) DO NOTHING;

COMMIT;
