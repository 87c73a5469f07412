//! Neither a host that was taken over nor somebody in its place is trusted.

mod hostile_host;
mod middle;
mod neighbours;
mod secrets;
