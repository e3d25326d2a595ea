//! A member warns about releases, changes its warning, or ends it.

use registry_schema::api::StatementRecorded;
use registry_schema::name::MemberName;
use registry_schema::reference::Reference;
use registry_schema::statement::{AdvisoryAction, AdvisoryStatement, AffectedVersions, Severity};
use registry_schema::trust_root::{ConsortiumRoot, NOT_LOGGED};
use registry_schema::verify::{VerifiedAdvisory, verify_advisory};

use super::read::advisories;
use super::{SayError, find_release, speaker};
use crate::journal::Pen;
use crate::log_view::LogView;
use crate::logged;
use crate::registry::Registry;

/// What is to be said about a release.
#[derive(Clone, Debug)]
pub struct AdvisoryRequest {
    /// An affected release.
    pub reference: Reference,
    /// A new warning, or a word about one that stands.
    pub change: AdvisoryChange,
}

/// What an advisory becomes.
#[derive(Clone, Debug)]
pub enum AdvisoryChange {
    /// A new one.
    Open {
        /// How bad it is.
        severity: Severity,
        /// One line.
        title: String,
        /// What is wrong, how to see it, what to do.
        text: String,
        /// Which versions; the one release when absent.
        affected: Option<AffectedVersions>,
    },
    /// Says more about one of one's own: what is absent stays as it was.
    Amend {
        /// Which.
        number: u64,
        /// How bad it is.
        severity: Option<Severity>,
        /// One line.
        title: Option<String>,
        /// What is wrong.
        text: Option<String>,
        /// Which versions.
        affected: Option<AffectedVersions>,
    },
    /// Ends one of one's own.
    Close {
        /// Which.
        number: u64,
        /// Why.
        text: String,
    },
}

/// Signs a statement of an advisory and has it recorded.
///
/// # Errors
/// [`SayError`]; nothing is recorded then.
pub async fn advise(
    request: &AdvisoryRequest,
    pen: &Pen<'_>,
    registry: &Registry,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<(VerifiedAdvisory, StatementRecorded), SayError> {
    // 1. who speaks, about which release, after what has been said before
    let by = speaker(pen, trust_root)?;
    let release = find_release(&request.reference, registry, trust_root, log).await?;
    let name = &release.manifest().name;
    let said = advisories(&release, registry, trust_root, log).await?;
    let own = said.recorded_by(&by);
    // 2. what is said now
    let manifest = release.manifest();
    let new = |severity, title: &str, text: &str, affected: &Option<AffectedVersions>| {
        let last = own.iter().map(|one| one.statement().number).max();
        AdvisoryStatement {
            by: by.clone(),
            name: name.clone(),
            version: manifest.version.clone(),
            content: release.content_digest(),
            number: last.unwrap_or(0) + 1,
            sequence: 1,
            action: AdvisoryAction::Open,
            severity,
            title: title.to_owned(),
            text: text.to_owned(),
            affected: affected
                .clone()
                .unwrap_or_else(|| AffectedVersions::only(manifest.version.clone())),
        }
    };
    let statement = match &request.change {
        AdvisoryChange::Open {
            severity,
            title,
            text,
            affected,
        } => new(*severity, title, text, affected),
        AdvisoryChange::Amend {
            number,
            severity,
            title,
            text,
            affected,
        } => {
            let before = next_of(&own, *number, &by, &request.reference)?;
            AdvisoryStatement {
                severity: severity.unwrap_or(before.severity),
                title: title.clone().unwrap_or(before.title),
                text: text.clone().unwrap_or(before.text),
                affected: affected.clone().unwrap_or(before.affected),
                ..before
            }
        }
        AdvisoryChange::Close { number, text } => AdvisoryStatement {
            action: AdvisoryAction::Close,
            text: text.clone(),
            ..next_of(&own, *number, &by, &request.reference)?
        },
    };
    // 3. sign, verify as everybody will, send
    let envelope = pen.sign(statement.to_payload())?.to_bytes();
    let verified = verify_advisory(trust_root, name, &envelope, NOT_LOGGED)?;
    let recorded = registry.warn(name, &envelope).await?;
    logged::recorded(log, &envelope, recorded.log_index, &recorded.proof).await?;
    Ok((verified, recorded))
}

/// What an advisory that stands says, with the number of the statement to follow.
fn next_of(
    own: &[VerifiedAdvisory],
    number: u64,
    member: &MemberName,
    reference: &Reference,
) -> Result<AdvisoryStatement, SayError> {
    let of_number = || own.iter().filter(|one| one.statement().number == number);
    let name = reference.name.clone();
    let counting = of_number().rfind(|one| one.counts());
    let (Some(last), Some(standing)) = (of_number().next_back(), counting) else {
        let member = member.clone();
        return Err(SayError::NoAdvisory {
            member,
            name,
            number,
        });
    };
    let standing = standing.statement().clone();
    if standing.action == AdvisoryAction::Close {
        return Err(SayError::Closed { name, number });
    }
    Ok(AdvisoryStatement {
        sequence: last.statement().sequence + 1,
        ..standing
    })
}
