#!/bin/sh
# A client in shell, with curl. It tries again what passes by itself, but reads JSON with sed.
#
#     mockserver gauntlet --client-timeout 2 -- sh create_key.sh
set -eu
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
curl --silent --show-error --fail --max-time 2 --retry 2 --retry-all-errors --output "$answer" \
  -X POST "$MOCKSERVER_BASE_URL/api-keys/?account_id=acct_1" \
  -H "Authorization: Bearer $MOCKSERVER_SECRET_KEY" \
  -H "Content-Type: application/json" \
  -H "Idempotency-Key: create-key-$$" \
  -d '{"name": "reporting", "permissions": {}, "expires_at": "2030-01-01T00:00:00.000Z"}'
id=$(sed -n 's/.*"id":"\([^"]*\)".*/\1/p' "$answer")
[ -n "$id" ] || { echo "the answer has no id" >&2; exit 1; }
echo "created $id"
