#!/bin/sh
# The client matrix: unmodified clients against leatd. What is not installed is skipped with a line that says so.
#
#   tests/compat/run.sh [BUILD-DIR] [pytest arguments]
set -eu
cd "$(dirname "$0")/../.."
build=build
if [ $# -gt 0 ] && [ -d "$1" ]; then
	build=$1
	shift
fi
LEAT_BUILD=$build exec /usr/bin/python3 -m pytest -p no:cacheprovider -q -rs tests/compat "$@"
