//! A server that was taken over is not trusted.

mod hostile_host;
