"""Golden pods: each file in `cases/` is a pod that somebody could have written, and what it gets.

    why: one sentence: what this case is there to show
    account:                  # the ServiceAccount; name `workload-sa` unless it says so
      annotations: {azure.workload.identity/client-id: 3f0c...}
    config:                   # the webhook's flags and variables, as on its command line
      --token-path-mode: legacy
      AZURE_ENVIRONMENT: AzureChinaCloud
      kubernetes: "1.31"      # the API server's version: before 1.32 there are no native sidecars
    namespace: demo           # the request's, unless it says so
    pod: ...                  # as sent by the API server
    api_server:
      skip-because: ...       # only where a real API server can't take the pod that comes out
    then:
      pod: ...                # the whole pod that comes out, or
      unchanged: true         # no operation at all, or
      refused: ...            # the message
      order: [...]            # optional: containers in the order in which they start
      warnings: [...]         # all of them; none if left out
      audit: {...}            # optional: all audit annotations

`python -m tests.golden show NAME` shows what a case does now, and `... write NAME` writes its
`then` anew for review. Nothing else ever does.
"""
