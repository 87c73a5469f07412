//! Work that blocks, away from the runtime's thread.

use tokio::sync::oneshot;

/// Runs `work` on a thread of its own; none if the thread could not be had.
///
/// Unlike on the runtime's own threads for blocking work, nothing waits for its
/// end when labctl is left meanwhile.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::Builder::new().spawn(move || {
        // Nobody may be waiting any more.
        let _ = sender.send(work());
    });
    match thread {
        Ok(_) => receiver.await.ok(),
        Err(_) => None,
    }
}
