"""Shared by Toolgate's services: wire conversions, gRPC server and channel, settings, logs, metrics."""
