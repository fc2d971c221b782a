# make.awk: makes of src/db/sql/*.sql what the programs hold. The notation is told
# in README.md beside it.
#
#   awk -v want=h    enum stmt                       $(BUILD)/db/statements.h
#   awk -v want=c    names, parameters and texts     $(BUILD)/db/statements.c
#   awk -v want=sql  PREPARE name AS …;              $(BUILD)/db/statements.sql

function fail(text) {
	print "src/db/sql: " text >"/dev/stderr"
	failed = 1
	exit 1
}

# Whose connection runs it: 0 the API's workers, which prepare it; 1 the
# operator's command; 2 unprepared, whoever connects.
function set_of(name) {
	if (name ~ /^op_/)
		return 1
	return name ~ /^(session|admin|tell)_/ ? 2 : 0
}

# The words between commas, the last one with all that follows; quotes and
# brackets are kept whole. Returns how many, in arg[].
function split_arguments(text, most, arg,    i, n, c, quote, depth) {
	n = 1
	arg[1] = ""
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		if (c == "'")
			quote = !quote
		depth += quote ? 0 : (c == "(") - (c == ")")
		if (c == "," && !quote && depth == 0 && n < most)
			arg[++n] = ""
		else
			arg[n] = arg[n] c
	}
	for (i = 1; i <= n; i++) {
		sub(/^[ \t\n]+/, "", arg[i])
		sub(/[ \t\n]+$/, "", arg[i])
	}
	return n
}

# Where the bracket closes that text begins with.
function closing(text,    i, c, quote, depth) {
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		if (c == "'")
			quote = !quote
		depth += quote ? 0 : (c == "(") - (c == ")")
		if (depth == 0)
			return i
	}
	fail(where ": a bracket stays open")
}

# The fragment's text with the arguments in the place of their names.
function fill(name, arguments,    out, text, p, n, i, want_n, param, arg, found) {
	if (!(name in fragment))
		fail(where ": no fragment " name)
	want_n = split(params_of[name], param, / *, */)
	n = want_n == 0 ? 0 : split_arguments(arguments, want_n, arg)
	if (n != want_n)
		fail(where ": " name " takes " want_n " arguments")
	for (i = 1; i <= n; i++)
		found[param[i]] = i
	text = fragment[name]
	while (match(text, /@[a-z_]+/)) {
		p = substr(text, RSTART + 1, RLENGTH - 1)
		if (!(p in found))
			fail("fragment " name ": no argument " p)
		out = out substr(text, 1, RSTART - 1) arg[found[p]]
		text = substr(text, RSTART + RLENGTH)
	}
	return out text
}

# The fragment once for each row of a .def, between commas.
function each(set, name,    out, i) {
	if (!(set in rows))
		fail(where ": no .def has rows " set)
	for (i = 1; i <= rows[set]; i++)
		out = out (i > 1 ? ", " : "") fill(name, row[set, i])
	return out
}

# The text with all fragments in it, theirs included.
function expand(text,    out, name, rest, end, arguments, turns, word) {
	while (match(text, /@[A-Z][A-Z_0-9]*/)) {
		if (++turns > 1000)
			fail(where ": a fragment holds itself")
		name = substr(text, RSTART + 1, RLENGTH - 1)
		out = out substr(text, 1, RSTART - 1)
		rest = substr(text, RSTART + RLENGTH)
		arguments = ""
		if (params_of[name] != "") {
			if (rest !~ /^\(/)
				fail(where ": " name " without arguments")
			end = closing(rest)
			arguments = substr(rest, 2, end - 2)
			rest = substr(rest, end + 1)
		}
		if (name == "EACH") {
			split_arguments(arguments, 2, word)
			text = each(word[1], word[2]) rest
		} else {
			text = fill(name, arguments) rest
		}
	}
	if (text ~ /@[a-z]/)
		fail(where ": an argument's name outside of a fragment")
	return out text
}

# On one line: outside of quotes one space for many, none inside of brackets.
function squeeze(text,    out, c, i, quote) {
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		if (!quote && c ~ /[ \t\n]/) {
			if (out !~ /[ (]$/)
				out = out " "
			continue
		}
		if (!quote && c ~ /[),]/)
			sub(/ $/, "", out)
		if (quote && c == "\n")
			fail(where ": a quote over the end of a line")
		if (quote ? c == quote : c ~ /['"]/)
			quote = quote ? "" : c
		out = out c
	}
	sub(/ $/, "", out)
	return out
}

# $1 to the last one: each is there, and told; `$6..` tells of all from there.
function count_parameters(name, text, note,    n, i, used, given, others) {
	while (match(text, /\$[0-9]+/)) {
		i = substr(text, RSTART + 1, RLENGTH - 1) + 0
		used[i] = 1
		n = i > n ? i : n
		text = substr(text, RSTART + RLENGTH)
	}
	others = match(note, /\$[0-9]+\.\./) ? substr(note, RSTART + 1) + 0 : n + 1
	for (i = 1; i <= n; i++) {
		if (!(i in used))
			fail(name ": $" i " is not used")
		given = i >= others || (note ~ /^-- A write/ && i <= 5)
		if (!given && (note " ") !~ ("[$]" i "[^0-9]"))
			fail(name ": no word on $" i)
	}
	return n + 0
}

BEGIN { params_of["EACH"] = "rows, fragment" }

FNR == 1 { current = "" }

FILENAME ~ /\.def$/ {
	if (/^[A-Z_]+\(.*\)$/) {
		set = $0
		sub(/\(.*/, "", set)
		row[set, ++rows[set]] = substr($0, length(set) + 2,
			length($0) - length(set) - 2)
	}
	next
}

/^-- name: / {
	current = $3
	if (current !~ /^[a-z_]+$/ || current in body)
		fail("name " current)
	order[++statements] = current
	body[current] = note[current] = ""
	in_fragment = 0
	next
}

/^-- fragment: / {
	line = substr($0, length("-- fragment: ") + 1)
	current = line
	sub(/\(.*/, "", current)
	if (current !~ /^[A-Z][A-Z_0-9]*$/ || current in fragment)
		fail("fragment " current)
	params_of[current] = fragment[current] = ""
	if (sub(/^[^(]*\(/, "", line)) {
		sub(/\).*/, "", line)
		params_of[current] = line
	}
	in_fragment = 1
	next
}

/^[ \t]*--/ {
	if (current != "" && !in_fragment && body[current] == "")
		note[current] = note[current] (note[current] == "" ? "" : "\n") $0
	next
}

/^[ \t]*$/ { next }

{
	if (current == "")
		fail(FILENAME ": a line before the first name")
	if (in_fragment)
		fragment[current] = fragment[current] \
			(fragment[current] == "" ? "" : "\n") $0
	else if (ended[current])
		fail(current ": a line behind its end")
	else
		body[current] = body[current] (body[current] == "" ? "" : "\n") $0
	if (!in_fragment && sub(/;$/, "", body[current]))
		ended[current] = 1
}

function print_enum(set,    i) {
	for (i = 1; i <= statements; i++)
		if (set_of(order[i]) == set)
			printf "\tSTMT_%s,\n", toupper(order[i])
}

# As between the quotes of C.
function literal(text,    out, c, i) {
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		out = out (c ~ /["\\]/ ? "\\" : "") c
	}
	return out
}

function print_row(name) {
	printf "\t[STMT_%s] = {\"%s\", %d, \"%s\"},\n", toupper(name), name,
		count[name], literal(squeezed[name])
}

function print_prepare(name,    text) {
	print "\n" note[name]
	text = expanded[name] ";"
	if (text ~ /^[ \t\n]*(SELECT|WITH|INSERT|UPDATE|DELETE)[ \t\n]/) {
		print "PREPARE " name " AS\n" text
		return
	}
	gsub(/\n/, "\n-- ", text)
	print "-- " name " (of a kind that cannot be prepared):\n-- " text
}

END {
	if (failed)
		exit 1
	for (i = 1; i <= statements; i++) {
		where = name = order[i]
		if (!ended[name])
			fail(name ": no ; at its end")
		if (note[name] == "")
			fail(name ": no word on it")
		expanded[name] = expand(body[name])
		squeezed[name] = squeeze(expanded[name])
		count[name] = count_parameters(name, squeezed[name], note[name])
		most = count[name] > most ? count[name] : most
	}
	made = "made by src/db/sql/make.awk"
	if (want == "h") {
		print "/* statements.h: " made " */"
		print "#ifndef STATEMENTS_H\n#define STATEMENTS_H\n\nenum stmt {"
		print_enum(0)
		print "\tSTMT__API_MAX, /* those before are prepared */"
		print "\tSTMT__OP_FIRST = STMT__API_MAX - 1,"
		print_enum(1)
		print "\tSTMT__OP_MAX,"
		print "\tSTMT__PLAIN_FIRST = STMT__OP_MAX - 1,"
		print_enum(2)
		print "\tSTMT__MAX\n};\n"
		print "#define STMT__PARAMS " most " /* of any, at most */\n\n#endif"
	} else if (want == "c") {
		print "/* statements.c: " made " */\n#include \"db/stmt.h\"\n"
		print "const struct stmt_info stmt_table[] = {"
		for (i = 1; i <= statements; i++)
			print_row(order[i])
		print "};"
	} else {
		print "-- statements.sql: " made ", for psql.\n"
		print "SET search_path = codecourier;"
		for (i = 1; i <= statements; i++)
			print_prepare(order[i])
	}
}
