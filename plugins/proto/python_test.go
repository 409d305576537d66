package proto

import (
	"os/exec"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// TestPython shows that the Python code that is committed is made from the same
// contract as the Go code. Without Debian's Python the tests of the plugin complain.
func TestPython(t *testing.T) {
	const script = `import sys; sys.path.insert(0, "../exec-example")
from tlswarden_plugin_v1_pb2 import DESCRIPTOR
sys.stdout.buffer.write(DESCRIPTOR.serialized_pb)`
	data, err := exec.Command("/usr/bin/python3", "-B", "-c", script).Output()
	if err != nil {
		t.Skipf("needs python3-protobuf: %v", err)
	}
	var python descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(data, &python); err != nil {
		t.Fatal(err)
	}
	own := protodesc.ToFileDescriptorProto(File_tlswarden_plugin_v1_proto)
	for _, d := range []proto.Message{own, &python} {
		withoutJSON(d.ProtoReflect())
	}
	if !proto.Equal(own, &python) {
		t.Errorf("Python has\n%s\nGo has\n%s", prototext.Format(&python), prototext.Format(own))
	}
}

// withoutJSON removes the names that fields have in JSON, which only Go's code has.
func withoutJSON(m protoreflect.Message) {
	if f, ok := m.Interface().(*descriptorpb.FieldDescriptorProto); ok {
		f.JsonName = nil
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.IsList() && f.Message() != nil {
			for i := range v.List().Len() {
				withoutJSON(v.List().Get(i).Message())
			}
		}
		return true
	})
}
