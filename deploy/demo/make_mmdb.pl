#!/usr/bin/perl
# Writes the demo's geoip databases, demo-city.mmdb and demo-asn.mmdb, into the folder given.
#
# They are in the real format, with made-up content: ranges that nobody uses in earnest (RFC 5737, 2544,
# 6598, 1918, 3849), cut into equal parts, get countries and documentation AS numbers (RFC 5398) in turn.
# Needs Debian's libmaxmind-db-writer-perl. The same script always writes the same bytes.
use strict;
use warnings;
use MaxMind::DB::Writer::Tree;

# Unix time that the files are stamped with, fixed so that they can be compared.
my $BUILD_EPOCH = 1_750_000_000;

# [network, prefix length of the parts]; a later one replaces what an earlier one said. tools/ideagen
# draws its addresses from these.
my @RANGES = (
    ['192.0.2.0/24',    26],
    ['198.51.100.0/24', 26],
    ['203.0.113.0/24',  26],
    ['198.18.0.0/15',   20],
    ['100.64.0.0/10',   15],
    ['10.0.0.0/8',      13],
    ['10.0.0.0/12',     16],
    ['2001:db8::/32',   37],
    ['2001:db8::/44',   48],
);

my @COUNTRIES = (
    [CZ => 'Czechia',        'EU', 'Europe'],
    [DE => 'Germany',        'EU', 'Europe'],
    [US => 'United States',  'NA', 'North America'],
    [SK => 'Slovakia',       'EU', 'Europe'],
    [NL => 'Netherlands',    'EU', 'Europe'],
    [BR => 'Brazil',         'SA', 'South America'],
    [JP => 'Japan',          'AS', 'Asia'],
    [FR => 'France',         'EU', 'Europe'],
    [ZA => 'South Africa',   'AF', 'Africa'],
    [PL => 'Poland',         'EU', 'Europe'],
    [AU => 'Australia',      'OC', 'Oceania'],
    [GB => 'United Kingdom', 'EU', 'Europe'],
    [IN => 'India',          'AS', 'Asia'],
);

my @ASNS = (64496 .. 64511, 65536 .. 65551);

my %TYPES = (
    autonomous_system_number       => 'uint32',
    autonomous_system_organization => 'utf8_string',
    city                           => 'map',
    code                           => 'utf8_string',
    continent                      => 'map',
    country                        => 'map',
    en                             => 'utf8_string',
    iso_code                       => 'utf8_string',
    names                          => 'map',
    registered_country             => 'map',
);

# The parts of a network, as texts.
sub parts {
    my ($network, $part_length) = @_;
    my ($base, $length) = split m{/}, $network;
    my $count = 1 << ($part_length - $length);
    if ($base =~ /:/) {
        my ($high, $low) = map { hex } (split /:/, $base)[0, 1];
        return map {
            my $part = $_ << (64 - $part_length);
            sprintf '%x:%x:%x:%x::/%d', $high, $low, $part >> 16, $part & 0xffff, $part_length;
        } 0 .. $count - 1;
    }
    my $first = unpack 'N', pack 'C4', split /\./, $base;
    return map {
        join('.', unpack 'C4', pack 'N', $first + ($_ << (32 - $part_length))) . "/$part_length";
    } 0 .. $count - 1;
}

sub tree {
    my ($type, $description) = @_;
    my $tree = MaxMind::DB::Writer::Tree->new(
        ip_version               => 6,
        record_size              => 24,
        database_type            => $type,
        languages                => ['en'],
        description              => { en => $description },
        alias_ipv6_to_ipv4       => 1,
        remove_reserved_networks => 0,
        map_key_type_callback    => sub { $TYPES{ $_[0] } },
    );
    $tree->_set_build_epoch($BUILD_EPOCH);
    return $tree;
}

sub city_record {
    my ($code, $name, $continent, $continent_name) = @{ $_[0] };
    my $country = { iso_code => $code, names => { en => $name } };
    return {
        city               => { names => { en => "Demo city of $name" } },
        continent          => { code => $continent, names => { en => $continent_name } },
        country            => $country,
        registered_country => $country,
    };
}

sub write_tree {
    my ($tree, $path) = @_;
    open my $out, '>:raw', "$path.tmp" or die "$path.tmp: $!\n";
    $tree->write_tree($out);
    close $out or die "$path.tmp: $!\n";
    rename "$path.tmp", $path or die "$path: $!\n";
}

die "usage: $0 FOLDER\n" if @ARGV != 1 || $ARGV[0] =~ /^-/;
my $folder = $ARGV[0];

my $city = tree('Mentat-Demo-City', 'Made-up countries of documentation and private ranges');
my $asn  = tree('Mentat-Demo-ASN',  'Made-up origins of documentation and private ranges');
my $turn = 0;
for my $range (@RANGES) {
    for my $part (parts(@$range)) {
        my $number = $ASNS[$turn % @ASNS];
        $city->insert_network($part, city_record($COUNTRIES[$turn % @COUNTRIES]));
        $asn->insert_network(
            $part,
            {
                autonomous_system_number       => $number,
                autonomous_system_organization => "Demo network AS$number",
            }
        );
        $turn++;
    }
}
write_tree($city, "$folder/demo-city.mmdb");
write_tree($asn,  "$folder/demo-asn.mmdb");
