"""HTTP towards clients, whatever API they speak: connections, request scope, admission, authentication, SSE."""
