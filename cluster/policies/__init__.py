"""NetworkPolicies (networking.k8s.io/v1) enforced on a node.

`model` reads the API's objects, `rules` decides what each pod of the node may send and receive, `nft` writes that down for nftables; all
three are pure. `store` follows the API server, `enforcer` runs on the node, `cni` asks it before a pod may start.
"""
