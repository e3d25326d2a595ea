use crate::blobs::BlobError;
use crate::database::DatabaseError;
use crate::log::LogError;
use crate::publish::PublishError;
use crate::resolve::ResolveError;

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// There is no such thing.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A recorded release that does not verify.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store of blobs.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A card that cannot be read from the disk.
    #[error("the card cannot be read")]
    Card(#[source] std::io::Error),
    /// The template.
    #[error("the page cannot be written")]
    Template(#[from] askama::Error),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
