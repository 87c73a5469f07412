//! What the world sees of a server: where names lead ([`dns`]), which ports
//! answer ([`ports`]), and which certificate is served ([`tls`]).

pub mod dns;
pub mod ports;
pub mod tls;

/// Resolvers that everybody may ask: what they say is what the world sees (Cloudflare, Google, Quad9).
pub const RESOLVERS: [&str; 3] = ["1.1.1.1", "8.8.8.8", "9.9.9.9"];
