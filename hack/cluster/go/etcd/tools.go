//go:build tools

// Package tools pins etcd, so that go.mod and go.sum hold all that it is built from.
package tools

import _ "go.etcd.io/etcd/server/v3"
