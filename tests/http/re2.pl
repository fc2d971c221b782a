#!/usr/bin/perl
# re2.pl: reads [[pattern, text...]...] as JSON and prints, a line each, which
# texts RE2 finds the pattern in (1 or 0), [] if it does not know the pattern.
use strict;
use warnings;
use JSON::PP;
use re::engine::RE2 -strict => 1;

for (@{ decode_json(join '', <STDIN>) }) {
	my ($pattern, @texts) = @$_;
	utf8::upgrade($_) for $pattern, @texts;
	my $re = eval { qr/$pattern/ };
	print encode_json([$re ? map { $_ =~ $re ? 1 : 0 } @texts : ()]), "\n";
}
