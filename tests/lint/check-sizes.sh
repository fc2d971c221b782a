#!/usr/bin/env bash
# check-sizes.sh: no file over 500 lines, none of src over 400, no C function
# over 60 from { to }, unless a line ` * Size:` (`# Size:`, `-- Size:`, `<!-- Size:`, in JSON
# `"x-comment": "Size:`) among the first 30 of the file gives the reason; for a
# function it must name the function, too.
set -u
cd "$(dirname "$0")/../.." || exit 1

mapfile -d '' files < <(find . \( -path ./.git -o -path './.run*' -o -path './build*' \
	-o -name __pycache__ -o -name .pytest_cache \) -prune -o \
	-type f -size +0 -print0 | xargs -0r grep -IlZ '' | sort -z)
if [ "${#files[@]}" -eq 0 ]; then
	echo "no file found"
	exit 1
fi

bad=$(awk '
	function file_ends() {
		most = name ~ /^src\/.*\.[ch]$/ ? 400 : 500
		if (lines > most && size == "")
			print name ": " lines " lines, " most " are the limit"
	}
	FNR == 1 {
		file_ends()
		name = FILENAME
		sub(/^\.\//, "", name)
		is_c = name ~ /\.[ch]$/
		size = function_name = ""
		begin = 0
	}
	{ lines = FNR }
	FNR <= 30 && /^( \*|#|--|<!--| *"x-comment":) "?Size:/ { size = size " " $0 }
	!is_c { next }
	/^[A-Za-z_][A-Za-z0-9_ *]*\(/ {
		function_name = $0
		sub(/[ \t]*\(.*/, "", function_name)
		sub(/.*[ *]/, "", function_name)
	}
	/^\{/ { begin = FNR }
	/^\}/ && begin {
		long = FNR - begin + 1
		if (long > 60 && size !~ ("[^A-Za-z0-9_]" function_name "([^A-Za-z0-9_]|$)"))
			print name ":" begin ": " function_name " has " long \
			    " lines, 60 are the limit"
		begin = 0
	}
	END { file_ends() }
' "${files[@]}")
[ -z "$bad" ] && exit 0
echo "$bad"
exit 1
