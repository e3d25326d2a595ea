//! Why a consortium cannot be founded or changed like this.

use registry_schema::tuf::draft::DraftError;

use super::PolicyFileError;
use crate::files::FileError;
use crate::keys::KeyFileError;

/// A consortium cannot be founded or changed like this.
#[derive(Debug, thiserror::Error)]
pub enum ConsortiumError {
    /// Not a member with a key.
    #[error("`{text}` is no member with a key: write `alpha=alpha.pub.pem`")]
    Member {
        /// What was given.
        text: String,
    },
    /// Not a name with owners.
    #[error("`{text}` is no name with owners: write `passport-extractor=alpha,beta:2`")]
    Name {
        /// What was given.
        text: String,
    },
    /// Not a witness.
    #[error(
        "`{text}` is no witness: write `w1=NAME+HASH+KEY,https://witness.example.net`, with the key that `hub witness` prints"
    )]
    Witness {
        /// What was given.
        text: String,
    },
    /// A quorum that cannot be reached, or that asks for nobody.
    #[error(
        "a quorum of {quorum} of {witnesses} witnesses: it must be at least 1 and at most their number"
    )]
    Witnesses {
        /// How many must cosign.
        quorum: usize,
        /// How many there are.
        witnesses: usize,
    },
    /// Given twice.
    #[error("`{what}` is given twice")]
    Twice {
        /// Which member or name.
        what: String,
    },
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The draft.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The policy file of the first version.
    #[error(transparent)]
    PolicyFile(#[from] PolicyFileError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}
