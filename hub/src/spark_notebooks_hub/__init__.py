"""The hub of spark-notebooks.

Imports point one way: `config` > `spawner` > `workspaces`, `storage`, `spawn_log` > `values`, `workspace`, `notebook`, `progress` > `errors`.
`notices` is a process of its own beside the hub, and imports nothing of the rest. The last two groups talk to nothing: data in, manifests, configuration and sentences out.
"""
