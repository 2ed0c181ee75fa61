// Command etcd is etcd's server; its own package is called v3, and `go build` would call the program so.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
