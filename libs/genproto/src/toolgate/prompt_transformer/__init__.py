"""Generated protobuf and gRPC code of Toolgate's contracts."""
