# settings.awk: makes of src/db/settings.def the fragments that name each of the
# settings: the columns of an answer, the row that an update returns, what it
# sets, what it was at a version, and what doctor looks at (doctor.sql).

BEGIN { parameter = 7 } # the first one behind those of every write and the tags

function next_parameter() {
	return "$" parameter++
}

function listed(list, word, between) {
	return list (list == "" ? "" : between) word
}

function given(name, column, value) {
	set = listed(set, "@GIVEN('" name "', " column ", " value ")", ",\n\t\t")
}

/^SETTING\(/ {
	gsub(/^SETTING\(|\)$|[ \t]/, "")
	n = split($0, cell, ",")
	name = cell[1]
	column = cell[2]
	kind = cell[3]
	rule = cell[4]
	if (n != 5 || kind !~ /^(TEXT|LINE|JSON|SEALED|WRITE_ONLY)$/) {
		print "src/db/settings.def: " $0 >"/dev/stderr"
		failed = 1
		exit 1
	}
	shown = column (kind == "WRITE_ONLY" ? "_last4" : "")
	if (kind == "LINE" || kind == "WRITE_ONLY")
		bad = listed(bad, "UNION ALL @BAD_LINE(" 100 + NR ", settings, " \
			"project_id, " shown ")", "\n\t")
	row = listed(row, shown, ",\n\t")
	text = shown (kind == "JSON" ? "::text" : "")
	columns = listed(columns, text, ",\n\t")
	first = listed(first, "@FIRST(\"" name "\", '" name "')", ",\n\t")
	then = listed(then, "@THEN(\"" name "\", " text ")", ",\n\t")
	if (kind == "WRITE_ONLY")
		next
	value = next_parameter()
	if (kind == "JSON")
		value = "coalesce(" value "::jsonb, '[]')"
	else if (kind == "SEALED")
		value = value "::bytea"
	given(name, column, value)
	if (rule == "VARIABLES")
		sized[++sizes] = name
	column_of[name] = column
}

END {
	if (failed)
		exit 1
	for (i = 1; i <= sizes; i++)
		given(sized[i], column_of[sized[i]] "_size",
			next_parameter() "::int")
	print "-- fragment: SETTINGS_COLUMNS\n" columns "\n"
	print "-- fragment: SETTINGS_ROW\n" row "\n"
	print "-- fragment: SETTINGS_SET\n" set "\n"
	print "-- fragment: SETTINGS_FIRST\n" first "\n"
	print "-- fragment: SETTINGS_THEN\n" then "\n"
	print "-- fragment: SETTINGS_BAD_LINES\n" bad
}
