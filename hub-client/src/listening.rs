//! An HTTP server until it is told to stop.

use std::future::Future;
use std::io;

use actix_web::dev::{Server, ServerHandle};

/// Runs a server until `stop` ends, then until what `finish` does with its handle is done.
///
/// # Errors
/// [`io::Error`] when the listening ends with one.
pub(crate) async fn run_until(
    server: Server,
    stop: impl Future<Output = ()>,
    finish: impl AsyncFnOnce(ServerHandle),
) -> io::Result<()> {
    let handle = server.handle();
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended,
        () = stop => {}
    }
    // The server itself must go on to be able to stop.
    let (ended, ()) = tokio::join!(server, finish(handle));
    ended
}
