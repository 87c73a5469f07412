//! A proxy that counts how often the client waits for the server, and that can be slow, or fail.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

#[derive(Debug, Default)]
struct State {
    latency: Duration,
    connections: usize,
    turns: usize,
    /// When the client began what was counted last.
    begun: Option<Instant>,
    /// Whether the client has heard anything since.
    has_heard: bool,
    from_server: usize,
    is_frozen: bool,
    cut_after: Option<usize>,
    /// How many bytes the client may still send before all is cut, once.
    cut_within: Option<usize>,
    is_closed: bool,
    streams: Vec<TcpStream>,
}

/// A proxy in front of a port of this machine.
pub struct CountingProxy {
    /// The port to connect to.
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl CountingProxy {
    /// Starts one that takes half of `latency` each way.
    pub fn start(server: u16, latency: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            latency,
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.lock().unwrap().is_closed {
                    continue;
                }
                // A server that is not there is seen as a connection that ends at once.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)) {
                    join(&shared, &client, &server, latency / 2);
                }
            }
        });
        Self { port, state }
    }

    /// How often the client sent after it had waited for an answer: round trips, without TCP's own.
    ///
    /// What it sends sooner than an answer can come belongs to what it sent before.
    pub fn created_after(&self) -> usize {
        self.state().turns
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.state().connections
    }

    /// Breaks all connections.
    pub fn cut(&self) {
        cut(&mut self.state());
    }

    /// Breaks all connections once so many bytes have come from the server.
    pub fn cut_after(&self, bytes: usize) {
        self.state().cut_after = Some(bytes);
    }

    /// Swallows all from now on, as a network does that has lost its way.
    pub fn freeze(&self) {
        self.state().is_frozen = true;
    }

    /// Breaks all connections once the client has sent so many more bytes; later ones work.
    pub fn cut_within(&self, bytes: usize) {
        self.state().cut_within = Some(bytes);
    }

    /// Breaks all connections and takes no new ones, as a network that is down.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        cut(&mut state);
    }

    /// Takes connections again.
    pub fn open(&self) {
        self.state().is_closed = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn cut(state: &mut State) {
    for stream in state.streams.drain(..) {
        // It may have ended by itself.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn join(state: &Arc<Mutex<State>>, client: &TcpStream, server: &TcpStream, delay: Duration) {
    {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        for stream in [client, server] {
            stream.set_nodelay(true).unwrap();
            state.streams.push(stream.try_clone().unwrap());
        }
    }
    for (side, from, to) in [
        (Side::Client, client, server),
        (Side::Server, server, client),
    ] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let (sender, receiver) = channel();
        let state = Arc::clone(state);
        let shared = Arc::clone(&state);
        thread::spawn(move || take(&state, side, from, &sender, delay));
        thread::spawn(move || give(&shared, side, to, &receiver));
    }
}

/// Reads, counts, and notes when each piece is due.
fn take(
    state: &Mutex<State>,
    side: Side,
    mut from: TcpStream,
    sender: &Sender<(Instant, Vec<u8>)>,
    delay: Duration,
) {
    let mut buffer = vec![0; 65536];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut state = state.lock().unwrap();
        match side {
            Side::Client => {
                note_turn(&mut state);
                note_sent(&mut state, count);
            }
            Side::Server => state.from_server += count,
        }
        if state
            .cut_after
            .is_some_and(|after| state.from_server >= after)
        {
            cut(&mut state);
        }
        let is_frozen = state.is_frozen;
        drop(state);
        let piece = (Instant::now() + delay, buffer[..count].to_vec());
        if !is_frozen && sender.send(piece).is_err() {
            return;
        }
    }
}

fn note_sent(state: &mut State, count: usize) {
    match state.cut_within {
        Some(left) if left <= count => {
            state.cut_within = None;
            cut(state);
        }
        left => state.cut_within = left.map(|left| left - count),
    }
}

fn note_turn(state: &mut State) {
    // A bit less, for the clock's sake.
    let shortest = state.latency * 9 / 10;
    let is_next = match state.begun {
        None => true,
        Some(begun) => state.has_heard && begun.elapsed() >= shortest,
    };
    if is_next {
        state.turns += 1;
        state.begun = Some(Instant::now());
    }
    state.has_heard = false;
}

/// Writes each piece when it is due.
fn give(
    state: &Mutex<State>,
    side: Side,
    mut to: TcpStream,
    receiver: &Receiver<(Instant, Vec<u8>)>,
) {
    for (due, piece) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if side == Side::Server {
            state.lock().unwrap().has_heard = true;
        }
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
