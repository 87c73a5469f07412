//! Somebody who listens on a wire: passes everything on, and keeps it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A proxy in front of a port of this machine, which changes one word for another.
pub struct Tap {
    pub port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

/// What a passer of bytes does with them.
#[derive(Clone)]
struct Ear {
    heard: Arc<Mutex<Vec<u8>>>,
    word: String,
    other: String,
}

impl Tap {
    /// Listens; `word`, where a client says it, reaches the server as `other`.
    pub fn start(server: u16, word: &str, other: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
        let ear = Ear {
            heard: Arc::clone(&heard),
            word: word.to_owned(),
            other: other.to_owned(),
        };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                let (back, there) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let ear = ear.clone();
                thread::spawn(move || pass(client, server, Some(&ear)));
                thread::spawn(move || pass(back, there, None));
            }
        });
        Self { port, heard }
    }

    /// All that was sent to the server until now.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, ear: Option<&Ear>) {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut bytes = buffer[..count].to_vec();
        if let Some(Ear { heard, word, other }) = ear {
            heard.lock().unwrap().extend_from_slice(&bytes);
            bytes = replaced(&bytes, word.as_bytes(), other.as_bytes());
        }
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn replaced(bytes: &[u8], word: &[u8], other: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if rest.starts_with(word) {
            all.extend_from_slice(other);
            rest = &rest[word.len()..];
        } else {
            all.push(*first);
            rest = after;
        }
    }
    all
}
