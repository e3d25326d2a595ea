//! Asking one witness for its cosignature (C2SP `tlog-witness`, `add-checkpoint`).

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use registry_schema::limits;
use registry_schema::log::note::{NoteSignature, parse_signatures};
use registry_schema::log::policy::PolicyWitness;
use reqwest::{Client, Response, StatusCode};

use crate::database::Database;
use crate::log::{Head, LogError, prove_consistency};

/// A witness that has not answered for this long is left out of the round.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// How often a witness may name another size than the one it was asked about.
const ATTEMPTS: usize = 3;

/// What is needed to ask.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) client: Client,
    pub(super) database: Database,
}

/// What a witness answered.
#[derive(Debug)]
pub(super) struct Cosigned {
    /// Its good signatures.
    pub(super) signatures: Vec<NoteSignature>,
}

impl Asker {
    /// A client for witnesses, whose certificates the system's roots vouch for.
    pub(super) fn new(database: Database) -> Result<Self, AskError> {
        // Only the first call in a process installs it; all would install the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(AskError::Network)?;
        Ok(Self { client, database })
    }

    /// Asks a witness that is believed to know the log's first `known` entries.
    ///
    /// # Errors
    /// [`AskError`] says why there is no cosignature.
    pub(super) async fn ask(
        &self,
        witness: &PolicyWitness,
        head: &Arc<Head>,
        known: u64,
    ) -> Result<Cosigned, AskError> {
        let asking = self.ask_until_known(witness, head, known);
        tokio::time::timeout(LIMIT, asking)
            .await
            .map_err(|_| AskError::Silent)?
    }

    async fn ask_until_known(
        &self,
        witness: &PolicyWitness,
        head: &Arc<Head>,
        mut known: u64,
    ) -> Result<Cosigned, AskError> {
        let size = head.checkpoint.size;
        for _ in 0..ATTEMPTS {
            if known > size {
                return Err(AskError::Ahead { known, size });
            }
            let answer = self.post(witness, head, known).await?;
            let status = answer.status();
            let body = read(answer).await?;
            match status {
                StatusCode::OK => return cosigned(witness, head, &body),
                StatusCode::CONFLICT => {
                    let cosigned = body.trim_end().parse().ok();
                    match cosigned.filter(|cosigned| *cosigned != known) {
                        Some(cosigned) => known = cosigned,
                        // Of this size it has cosigned another root. Some answer so, others 422.
                        None if known == size => {
                            return Err(AskError::other_history(known, &body));
                        }
                        None => return Err(AskError::Answer),
                    }
                }
                // The proof was made of this very log.
                StatusCode::UNPROCESSABLE_ENTITY => {
                    return Err(AskError::other_history(known, &body));
                }
                status => {
                    let said = beginning(&body);
                    return Err(AskError::Refused { status, said });
                }
            }
        }
        Err(AskError::Answer)
    }

    async fn post(
        &self,
        witness: &PolicyWitness,
        head: &Arc<Head>,
        known: u64,
    ) -> Result<Response, AskError> {
        let url = witness.url.as_deref().ok_or(AskError::NoUrl)?;
        let mut body = format!("old {known}\n");
        if known > 0 && known < head.checkpoint.size {
            let head = Arc::clone(head);
            let proof = self
                .database
                .run(move |connection| prove_consistency(connection, &head, known))
                .await?;
            for hash in proof {
                // Writing to a text does not fail.
                let _ = writeln!(body, "{}", BASE64.encode(hash.as_bytes()));
            }
        }
        let _ = write!(body, "\n{}", head.note);
        let address = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let request = self.client.post(address).body(body);
        request.send().await.map_err(AskError::Network)
    }
}

/// The signatures by the witness's key, all of them good, at least one.
fn cosigned(witness: &PolicyWitness, head: &Head, body: &str) -> Result<Cosigned, AskError> {
    let mut signatures = parse_signatures(body).map_err(LogError::from)?;
    signatures.retain(|signature| {
        signature.name == *witness.key.name() && signature.key_id == witness.key.id()
    });
    let mut note = head.note.clone();
    for signature in &signatures {
        note.add(signature.clone()).map_err(LogError::from)?;
    }
    note.verify(&[&witness.key]).map_err(LogError::from)?;
    Ok(Cosigned { signatures })
}

/// The body, of at most as many bytes as a note may have.
async fn read(mut answer: Response) -> Result<String, AskError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(AskError::Network)? {
        if body.len() + piece.len() > limits::NOTE_BYTES {
            return Err(AskError::Answer);
        }
        body.extend_from_slice(&piece);
    }
    String::from_utf8(body).map_err(|_| AskError::Answer)
}

/// The beginning of an answer that people read.
fn beginning(body: &str) -> String {
    body.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Why a witness did not cosign.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// The policy does not say where it is.
    #[error("the log policy has no URL for it")]
    NoUrl,
    /// Not to be reached.
    #[error("it cannot be reached")]
    Network(#[source] reqwest::Error),
    /// Nothing in time.
    #[error("it has not answered in {} seconds", LIMIT.as_secs())]
    Silent,
    /// Something that no witness says.
    #[error("its answer is none of a witness")]
    Answer,
    /// It said no.
    #[error("it refused with {status}: {said}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The beginning of its answer.
        said: String,
    },
    /// It has seen more of this log than there is.
    #[error(
        "it has cosigned {known} entries of this log, there are {size}: the database is an old copy. Stop, and restore the newest one; what it would log now would be another history"
    )]
    Ahead {
        /// As it says.
        known: u64,
        /// As it is.
        size: u64,
    },
    /// It has seen another log under this name: this one was forked, or an old copy of the database
    /// went on from where it was.
    #[error(
        "it has cosigned another history of the first {size} entries of this log, and says: {said}. Stop the hub: either its database is not the newest, or somebody else signs with its log key"
    )]
    OtherHistory {
        /// The entries it was asked to go on from.
        size: u64,
        /// The beginning of its answer.
        said: String,
    },
    /// The log's own side, or a signature that is not good.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl AskError {
    fn other_history(size: u64, body: &str) -> Self {
        Self::OtherHistory {
            size,
            said: beginning(body),
        }
    }

    /// Whether it says that this log is not the one that others have seen.
    pub(super) fn is_alarm(&self) -> bool {
        matches!(self, Self::OtherHistory { .. } | Self::Ahead { .. })
    }
}
