//! `hub label`: a page on this machine on which a person who knows the pictures, and nothing of machine
//! learning, makes a head.
//!
//! 1. [`LabelApp::open`] takes the journal of labels, alone.
//! 2. [`LabelApp::serve`] starts six threads and the server. Features come in the background; the page is of
//!    use from the first thirty-two images on.
//! 3. Each label is on the disk before anything else happens with it. Then a head learns from all labels, the
//!    one `hub train` would make, and says what it thinks of every image; suggestions follow.
//! 4. When the features are complete, groups, odd images, copies and a map are looked for.
//! 5. Other extractors can be compared on the labels, and one of them taken: steps 2 to 4 begin anew.
//!
//! *What leaves the machine?* Nothing. The server listens on loopback, lets in one browser that knows a
//! secret, and opens no connection.

mod accuracy;
mod assets;
mod book;
mod cells;
mod columns;
mod compare;
mod deeds;
mod demo;
mod errand;
mod error;
mod exporting;
mod guard;
mod loading;
mod looking;
mod neighbours;
mod progress;
mod routes;
mod rows;
mod scores;
mod secret;
mod server;
mod session;
mod setup;
mod specimens;
mod stage;
mod suggesting;
mod taking_away;
mod teaching;
#[cfg(test)]
mod tests;
mod thumbnails;
mod view;

pub use self::compare::Rival;
pub use self::demo::demo_extractor;
pub use self::error::LabelError;
pub use self::server::Serving;
pub use self::setup::{SessionExtractor, Setup};
pub use self::specimens::specimens;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::session::Session;
use self::stage::Stage;

/// A session that is ready to be served.
pub struct LabelApp {
    session: Arc<Session>,
}

impl LabelApp {
    /// Opens the journal, which nobody else may have open.
    ///
    /// # Errors
    /// [`LabelError::Dataset`] when it is in use, or is no journal.
    pub fn open(setup: Setup) -> Result<Self, LabelError> {
        let session = Arc::new(Session::open(setup)?);
        Ok(Self { session })
    }

    /// Serves the page until `stop` ends; then everything else ends too.
    ///
    /// # Errors
    /// [`LabelError::Listen`] when the port is not to be had, [`LabelError::Randomness`].
    pub async fn serve(
        self,
        serving: Serving<'_>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), LabelError> {
        let stopping = self.session.setup.stop.clone();
        let stage = Arc::new(Stage::new(self.session));
        let served = server::serve(stage, serving, stop).await;
        stopping.store(true, Ordering::Relaxed);
        served
    }
}
