#!/bin/sh
# Runs `flowkit report` with the arguments given, and tells people only what they do not know yet:
# that a run failed (exit code 1 or 2), or incidents at or above --fail-on that are new (exit code 3).
# FLOWKIT_WEBHOOK: a URL that takes {"text": …} (Slack, Mattermost, Teams workflows); FLOWKIT_MAILTO: an address.
# FLOWKIT: the command, where it is not on the PATH.
errors=$(mktemp) || exit 1
trap 'rm -f "$errors"' EXIT
said=$("${FLOWKIT:-flowkit}" report "$@" 2>"$errors")
code=$?
cat "$errors" >&2
[ "$code" -eq 0 ] && exit 0

index=$(printf '%s\n' "$said" | grep '/index.html$' | head -n 1)
text="flowkit report failed with exit code $code: $(cat "$errors")
$index"
if [ "$code" -eq 3 ]; then
    text=$(python3 - "$(dirname "$index")/findings.json" <<'PYTHON'
import json
import sys

report = json.load(open(sys.argv[1], encoding="utf-8"))
incidents = {}  # Findings with one root cause are one incident; the first one is the gravest.
for finding in report["findings"]:
    incidents.setdefault(finding["incident"] or finding["id"], []).append(finding)
new = [group[0] for group in incidents.values() if all(f["status"] == "new" for f in group)]
print("\n".join(f"{f['severity']}: {f['title']}" for f in new if f["severity"] in ("high", "medium")))
PYTHON
    )
    [ -z "$text" ] && exit 3
    text="$(printf '%s\n' "$text" | head -n 10)
$index
$(cat "$errors")"
fi

if [ -n "${FLOWKIT_WEBHOOK:-}" ]; then
    printf '%s' "$text" | python3 -c 'import json, sys; print(json.dumps({"text": sys.stdin.read()}))' |
        curl --fail --silent --show-error --header 'Content-Type: application/json' --data-binary @- "$FLOWKIT_WEBHOOK"
fi
if [ -n "${FLOWKIT_MAILTO:-}" ]; then
    printf '%s\n' "$text" | mail -s "flowkit report: exit code $code" "$FLOWKIT_MAILTO"
fi
exit "$code"
