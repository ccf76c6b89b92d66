#!/usr/bin/env bash
# Makes signature-vectors.json with OpenSSL alone, so that the vectors owe nothing to the code that they test.
# Bodies are given as base64, because some are not text.
set -euo pipefail
cd "$(dirname "$0")"

vector() { # name, secret, t, body as base64
  local hex
  hex=$( { printf '%s.' "$3"; printf '%s' "$4" | base64 -d; } | openssl dgst -sha256 -hmac "$2" -r | cut -d' ' -f1)
  printf '  { "name": "%s", "secret": "%s", "t": "%s", "body": "%s", "v1": "%s" }' "$1" "$2" "$3" "$4" "$hex"
}

b64() { printf "$1" | base64 -w0; }

{
  echo '['
  vector 'an event' 'whsec_3vQ9dJx0' '1763690000' "$(b64 '{"id":"9007199254740993001","type":"contract.started"}')"; echo ','
  vector 'an empty body' 'whsec_3vQ9dJx0' '1763690001' ''; echo ','
  vector 'letters beyond ASCII' 'whsec_other' '1763690002' "$(b64 '{"displayName":"Mar\303\255a \342\202\254 \360\237\230\200"}')"; echo ','
  vector 'bytes that are not UTF-8' 'whsec_3vQ9dJx0' '1763690003' "$(b64 '\377\376\001\002')"; echo ','
  vector 'characters that SQS refuses' 'whsec_3vQ9dJx0' '1763690004' "$(b64 '{"text":"\001\357\277\277"}')"; echo ','
  vector 'white space counts' 'whsec_3vQ9dJx0' '1763690005' "$(b64 '{ "id" : "1" }\r\n')"; echo ','
  vector 'a secret longer than a hash block' 'whsec_0123456789012345678901234567890123456789012345678901234567890123456789' '1763690006' "$(b64 'x')"; echo
  echo ']'
} > signature-vectors.json
