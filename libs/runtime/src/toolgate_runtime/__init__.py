"""What Toolgate's services share: wire conversions, gRPC server and channel, settings, logs, metrics."""
