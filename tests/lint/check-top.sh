#!/usr/bin/env bash
# check-top.sh: the top folder holds what the design gives it and nothing
# else, but for what tools look for there and what builds and runs leave.
set -u
cd "$(dirname "$0")/../.." || exit 1

needed='cgi-bin src migrations nginx tests Makefile README.md LICENSE'
tools='.git .gitignore .gitattributes .editorconfig .clang-format .ci'
tools+=' .git-blame-ignore-revs'
left='build .pytest_cache .cache'

status=0
for name in $needed; do
	if [ ! -e "$name" ]; then
		echo "$name is missing"
		status=1
	fi
done
while IFS= read -r -d '' path; do
	name=${path#./}
	case $name in
	# other folders of builds and runs, what codecourierctl and pg_dump
	# were told to write here: .gitignore has them, too
	build-* | .run* | *.key | *.dump | keyring*) continue ;;
	esac
	if [[ " $needed $tools $left " != *" $name "* ]]; then
		echo "$name does not belong in the top folder"
		status=1
	fi
done < <(find . -mindepth 1 -maxdepth 1 -print0 | sort -z)
exit $status
