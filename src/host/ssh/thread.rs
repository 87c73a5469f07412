//! The thread that a session lives on: it opens it, and obeys until nobody gives orders any more.

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::error::{DialError, LinkError};
use super::orders::{Dial, Order};
use super::{HostKey, Session};

/// Is the thread of one session: opens it, and obeys until nobody gives orders any more.
pub fn serve(
    dial: Dial,
    reply: oneshot::Sender<Result<HostKey, DialError>>,
    orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    match builder.enable_all().build() {
        Ok(runtime) => {
            runtime.block_on(attend(&dial, reply, orders));
            // A name server that does not answer is not waited for.
            runtime.shutdown_background();
        }
        Err(error) => drop(reply.send(Err(DialError::Local(error.to_string())))),
    }
}

async fn attend(
    dial: &Dial,
    mut reply: oneshot::Sender<Result<HostKey, DialError>>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let opened = tokio::select! {
        opened = Session::open(dial) => opened,
        () = reply.closed() => return,
    };
    let session = match opened {
        Ok((session, key)) => {
            drop(reply.send(Ok(key)));
            session
        }
        Err(error) => return drop(reply.send(Err(error))),
    };
    while let Some(order) = next(&session, &mut orders).await {
        if !obey(&session, order, &dial.target.user).await {
            break;
        }
    }
}

/// Waits for the next order, and shows the server meanwhile that it is not forgotten.
async fn next(session: &Session, orders: &mut mpsc::UnboundedReceiver<Order>) -> Option<Order> {
    loop {
        match timeout(session.beat(), orders.recv()).await {
            Ok(order) => return order,
            Err(_) => session.keep_alive().ok()?,
        };
    }
}

/// Does as told; says whether the session goes on.
async fn obey(session: &Session, order: Order, user: &str) -> bool {
    session.hears();
    match order {
        Order::LogIn {
            credential,
            mut reply,
        } => {
            let done = tokio::select! {
                done = session.log_in(user, &credential) => done,
                () = reply.closed() => return false,
            };
            reply.send(done).is_ok()
        }
        Order::Run {
            command,
            stdin,
            output,
            mut reply,
        } => {
            let done = tokio::select! {
                done = session.run(&command, &stdin, output) => done,
                () = reply.closed() => return false,
            };
            let goes_on = !matches!(done, Err(LinkError::Lost { .. }));
            reply.send(done).is_ok() && goes_on
        }
    }
}
