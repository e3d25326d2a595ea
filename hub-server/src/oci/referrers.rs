//! What refers to a release's manifest: its envelope, the proof that the log has it, `model.sig`,
//! what members found out about it, and its yanks. Each is an artifact of one layer.

use registry_schema::envelope::{self, Envelope};
use serde::Deserialize;

use super::document::empty_descriptor;
use super::document::{Annotations, Descriptor, Document, MANIFEST, Manifest, Referrer};
use super::error::OciError;
use super::release;
use crate::database::releases::ReleaseRow;
use crate::database::{
    Connection, DatabaseError, evaluations, from_column, model_signatures, oci as rows, yanks,
};
use crate::log::{Log, LogError};

/// Signed statements, in DSSE envelopes.
const STATEMENT: &str = "application/vnd.in-toto+json";

/// A proof of the log (<https://c2sp.org/tlog-proof>), as text.
const PROOF: &str = "application/vnd.c2sp.tlog-proof.v1";

/// `model.sig`, a Sigstore bundle.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What refers to a release, and the bytes it is made of.
#[derive(Debug)]
pub(super) struct ReferrerDocuments {
    pub(super) manifest: Document,
    pub(super) listed: Referrer,
    /// The layer, unless it is a blob that was uploaded.
    pub(super) content: Option<Document>,
}

/// Everything that refers to a release, in an order that stays.
pub(super) fn of(
    log: &Log,
    connection: &mut Connection,
    row: &ReleaseRow,
) -> Result<Vec<ReferrerDocuments>, OciError> {
    let subject = release::of(connection, row)?.manifest.descriptor();
    let covered = log.published_size();
    let mut all = vec![statement(
        &subject,
        "release.dsse.json",
        row.envelope.clone(),
    )];
    if let Some(proof) = kept_proof(log, connection, row)? {
        let content = Document::new(PROOF, proof.into_bytes());
        all.push(made(&subject, PROOF, "release.tlog-proof", content, None));
    }
    if let Some(attached) = model_signatures::find(connection, &row.statement)? {
        let size = from_column(attached.size_bytes)?;
        let layer = Descriptor::new(BUNDLE, attached.digest, size);
        all.push(referrer(&subject, BUNDLE, "model.sig", layer, None));
    }
    for yank in yanks::list(connection, &row.statement)? {
        if yank.index()? < covered {
            let title = format!("yank-{}.dsse.json", yank.sequence);
            all.push(statement(&subject, &title, yank.envelope));
        }
    }
    for said in evaluations::list(connection, &row.statement)? {
        if from_column(said.log_index)? < covered {
            let title = format!("evaluation-{}-{}.dsse.json", said.member, said.sequence);
            all.push(statement(&subject, &title, said.envelope));
        }
    }
    Ok(all)
}

/// The proof that was made first for this release, which is kept: another would have another digest.
/// `None` when it cannot be kept now, since one that changes is worse than none.
fn kept_proof(
    log: &Log,
    connection: &mut Connection,
    row: &ReleaseRow,
) -> Result<Option<String>, OciError> {
    if let Some(kept) = rows::find_proof(connection, &row.statement)? {
        return Ok(Some(kept));
    }
    let proof = match log.proof(connection, row.index()?) {
        Err(LogError::Unwitnessed { .. }) => return Ok(None),
        other => other?.to_string(),
    };
    match rows::insert_proof(connection, &row.statement, &proof) {
        Ok(()) => Ok(rows::find_proof(connection, &row.statement)?),
        Err(DatabaseError::Full | DatabaseError::Busy) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

fn statement(subject: &Descriptor, title: &str, envelope: Vec<u8>) -> ReferrerDocuments {
    let predicate = predicate_type(&envelope);
    let content = Document::new(envelope::MEDIA_TYPE, envelope);
    made(subject, STATEMENT, title, content, predicate)
}

fn made(
    subject: &Descriptor,
    artifact_type: &'static str,
    title: &str,
    content: Document,
    predicate: Option<String>,
) -> ReferrerDocuments {
    let layer = content.descriptor();
    ReferrerDocuments {
        content: Some(content),
        ..referrer(subject, artifact_type, title, layer, predicate)
    }
}

fn referrer(
    subject: &Descriptor,
    artifact_type: &'static str,
    title: &str,
    layer: Descriptor,
    predicate: Option<String>,
) -> ReferrerDocuments {
    let named = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let title = named("org.opencontainers.image.title", title);
    let predicate = predicate.map(|kind| named("in-toto.io/predicate-type", &kind));
    let annotations: Annotations = [title.clone()].into_iter().chain(predicate).collect();
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        artifact_type,
        config: empty_descriptor(),
        layers: vec![layer.annotated([title].into())],
        subject: Some(subject.clone()),
        annotations: annotations.clone(),
    };
    let manifest = Document::json(MANIFEST, &manifest);
    let listed = Referrer {
        media_type: MANIFEST.to_owned(),
        digest: manifest.digest.to_string(),
        size_bytes: manifest.bytes.len() as u64,
        artifact_type: Some(artifact_type.to_owned()),
        annotations,
    };
    ReferrerDocuments {
        manifest,
        listed,
        content: None,
    }
}

/// What a statement says, by its predicate.
fn predicate_type(envelope: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        predicate_type: String,
    }
    let envelope = Envelope::parse(envelope).ok()?;
    let head: Head = serde_json::from_slice(envelope.payload()).ok()?;
    Some(head.predicate_type)
}
