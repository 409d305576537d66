// Package proto is the contract between tlswarden and its plugins on the wire,
// version 1: tlswarden_plugin_v1.proto and the Go code made from it.
//
// Plugins in Go do not use it; they use package plugins. Plugins in other
// languages generate code from the .proto file.
//
// # Limits
//
// The contract only grows. What cannot be added becomes version 2 beside it, with
// a protocol version of its own in the handshake.
//
// # Diagnostics
//
// Nothing is logged here. Calls fail with the status codes of gRPC.
//
// The Go code is made with protoc 3.21.12 and the generators at the versions below,
// and committed, so that nobody needs them to build:
//
//	go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
//	go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
//	protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative tlswarden_plugin_v1.proto
package proto
