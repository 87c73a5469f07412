//! Each command as its user meets it: what it prints where, what it refuses, how it exits.

mod adoption;
mod data;
mod environment;
mod files;
mod folders;
mod help;
mod interrupt;
mod pictures;
mod saved;
mod secrets;
mod server;
mod streams;
mod terminal;
