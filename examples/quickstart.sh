#!/usr/bin/env bash
# The first gradient, with nothing but curl:
#   x = torch.ones(2, 2, requires_grad=True); out = ((x + 2) * (x + 2) * 3).mean(); out.backward(); x.grad
# BASE is the server's address, SESSION the session's id.
set -euo pipefail
BASE=${BASE:-http://127.0.0.1:8000}
SESSION=${SESSION:-demo}

call() { # METHOD PATH [JSON]
    local method=$1 path=$2
    if [ $# -gt 2 ]; then
        set -- -H 'Content-Type: application/json' -d "$3"
    else
        set --
    fi
    printf '# %s %s\n' "$method" "$path"
    curl --silent --show-error --fail-with-body -X "$method" "$BASE$path" ${1+"$@"}
    printf '\n'
}

s=/v1/sessions/$SESSION
call POST /v1/sessions "{\"id\": \"$SESSION\"}"
call POST "$s/tensors" '{"name": "x", "data": [[1, 1], [1, 1]], "requires_grad": true}'
call POST "$s/ops/add" '{"input": "x", "other": 2, "out": "y"}'
call POST "$s/ops/mul" '{"input": "y", "other": "y", "out": "yy"}'
call POST "$s/ops/mul" '{"input": "yy", "other": 3, "out": "z"}'
call POST "$s/ops/mean" '{"input": "z", "out": "out"}'
call POST "$s/backward" '{"tensors": "out"}'
call GET "$s/tensors/x/grad"
call DELETE "$s"
