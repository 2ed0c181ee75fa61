"""The hub of spark-notebooks.

Imports point one way: `config` and `spawner` > `workspaces`, `storage` > `values`, `workspace`, `notebook`, `progress` > `errors`.
"""
