"""The hub of spark-notebooks.

Imports point one way: `config` > `spawner` > `workspaces`, `storage`, `spawn_log` > `values`, `workspace`, `notebook`, `progress` > `errors`.
The last two groups talk to nothing: data in, manifests, configuration and sentences out.
"""
