//! Ctrl-C: the first lets what runs in AWS come to its end, the second leaves at
//! once. What runs on the server comes to its end anyway: there the first leaves.

use std::cell::Cell;

use crate::report::Progress;

const LEFT_AT_ONCE: i32 = 130;

/// Runs `work`; sets `interrupted` at the first Ctrl-C or SIGTERM.
pub async fn guarded<T>(
    work: impl Future<Output = T>,
    interrupted: &Cell<bool>,
    progress: &Progress<'_>,
) -> T {
    let watch = async {
        loop {
            if signal().await.is_err() {
                // No signals on this system: the work goes on unguarded.
                std::future::pending::<()>().await;
            }
            if interrupted.replace(true) {
                std::process::exit(LEFT_AT_ONCE);
            }
            progress.interrupted();
        }
    };
    tokio::select! {
        result = work => result,
        never = watch => never,
    }
}

/// Runs `work` until the first Ctrl-C or SIGTERM; none if that came first.
pub async fn leaving<T>(work: impl Future<Output = T>) -> Option<T> {
    let left = async {
        if signal().await.is_err() {
            // No signals on this system: the work goes on unguarded.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        result = work => Some(result),
        () = left => None,
    }
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
