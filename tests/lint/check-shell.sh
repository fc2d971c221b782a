#!/usr/bin/env bash
# check-shell.sh: shellcheck over every shell script, known by its name or its
# first line.
set -u
cd "$(dirname "$0")/../.." || exit 1

mapfile -d '' all < <(find . \( -path ./.git -o -path './.run*' -o -path './build*' \) \
	-prune -o -type f -print0 | sort -z)
files=()
for file in "${all[@]}"; do
	first=
	IFS= read -r -n 80 first 2>/dev/null <"$file" || true
	if [[ $file == *.@(sh|bash) || $first =~ ^#!.*[/\ ](ba|da)?sh( |$) ]]; then
		files+=("$file")
	fi
done
if [ "${#files[@]}" -eq 0 ]; then
	echo "no shell script found"
	exit 1
fi
shellcheck --external-sources --format=gcc -- "${files[@]}"
