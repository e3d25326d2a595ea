//! A release's provenance as it is shown: a tree for people, an object for programs.

use std::time::Duration;

use hub_client::audit::{
    Ancestor, Coverage, Facts, Found, InstalledHere, Placed, Provenance, SignerKey, YankWord,
};
use hub_client::log_view::LogView;
use hub_client::registry::Traffic;
use hub_client::trust::Kept;
use jiff::Timestamp;
use registry_schema::digest::Digest;
use registry_schema::keys::KeyId;
use registry_schema::manifest::Provenance as Card;
use registry_schema::name::MemberName;
use registry_schema::reference::Reference;
use registry_schema::statement::{AdvisoryAction, YankAction};
use registry_schema::trust_root::TrustRoot;
use registry_schema::tuf::files::IndexRange;
use registry_schema::verify::VerifiedAdvisory;
use serde::Serialize;

use super::members_view::{AdvisoryView, EvaluationView};

/// The full provenance of a release.
#[derive(Serialize)]
pub(super) struct ProvenanceView {
    pub(super) release: ReleaseFacts,
    pub(super) log: LogFacts,
    pub(super) trust_root: RootFacts,
    pub(super) provenance: Card,
    pub(super) evaluations: Vec<PlacedView<EvaluationView>>,
    pub(super) key_compromises: Vec<TakenBackView>,
    pub(super) lineage: Vec<AncestorView>,
    pub(super) installed: &'static str,
    /// What a user of the release has to look at.
    pub(super) concerns: Vec<String>,
    /// Entries that this machine's monitor has read: nothing before is left out. Null without one.
    pub(super) monitored_entries: Option<u64>,
    pub(super) contact: ContactFacts,
}

#[derive(Serialize)]
pub(super) struct ReleaseFacts {
    pub(super) reference: Reference,
    pub(super) statement: Digest,
    pub(super) log_index: u64,
    /// The hub's word.
    pub(super) recorded_at: String,
    pub(super) owners: Vec<MemberName>,
    pub(super) must_sign: usize,
    pub(super) signers: Vec<KeyView>,
    pub(super) yanks: Vec<YankView>,
    /// Every statement, also of advisories that are closed.
    pub(super) advisories: Vec<PlacedAdvisory>,
}

#[derive(Serialize)]
pub(super) struct KeyView {
    pub(super) member: MemberName,
    pub(super) key_id: KeyId,
    pub(super) counts: IndexRange,
}

#[derive(Serialize)]
pub(super) struct YankView {
    pub(super) action: YankAction,
    pub(super) reason: String,
    pub(super) signers: Vec<MemberName>,
    pub(super) log_index: u64,
    pub(super) counts: bool,
}

#[derive(Serialize)]
pub(super) struct PlacedView<T> {
    #[serde(flatten)]
    pub(super) said: T,
    pub(super) log_index: u64,
    pub(super) counts: bool,
}

#[derive(Serialize)]
pub(super) struct PlacedAdvisory {
    #[serde(flatten)]
    pub(super) said: PlacedView<AdvisoryView>,
    pub(super) action: AdvisoryAction,
    pub(super) stands: bool,
}

#[derive(Serialize)]
pub(super) struct TakenBackView {
    pub(super) member: MemberName,
    pub(super) key_id: KeyId,
    pub(super) from_index: u64,
    pub(super) reason: String,
    pub(super) log_index: u64,
}

#[derive(Serialize)]
pub(super) struct AncestorView {
    pub(super) reference: Reference,
    pub(super) how: String,
    pub(super) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) release: Option<ReleaseFacts>,
    pub(super) lineage: Vec<Self>,
}

#[derive(Serialize)]
pub(super) struct LogFacts {
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) root: Digest,
    pub(super) witnesses: Vec<WitnessView>,
}

#[derive(Serialize)]
pub(super) struct WitnessView {
    pub(super) name: String,
    pub(super) cosigned_at: String,
}

#[derive(Serialize)]
pub(super) struct RootFacts {
    pub(super) consortium: String,
    pub(super) root_version: u64,
    pub(super) targets_version: u64,
    pub(super) digest: Digest,
}

/// What the audit took.
#[derive(Serialize)]
pub(super) struct ContactFacts {
    pub(super) requests: u64,
    pub(super) received_bytes: u64,
    pub(super) seconds: f64,
    pub(super) waited_seconds: f64,
}

impl ProvenanceView {
    pub(super) fn new(
        provenance: &Provenance,
        trust: &Kept,
        log: &LogView,
        traffic: Traffic,
        elapsed: Duration,
    ) -> Self {
        let facts = &provenance.facts;
        Self {
            release: release_facts(facts),
            log: log_facts(log),
            trust_root: RootFacts {
                consortium: trust.root.consortium().to_owned(),
                root_version: trust.root.version(),
                targets_version: trust.root.targets_version(),
                digest: trust.root.digest(),
            },
            provenance: facts.release.manifest().provenance.clone(),
            evaluations: provenance
                .evaluations
                .iter()
                .map(|one| placed(one, EvaluationView::from(&one.said)))
                .collect(),
            key_compromises: provenance
                .key_compromises
                .iter()
                .map(|one| {
                    let says = one.said.statement();
                    TakenBackView {
                        member: says.member.clone(),
                        key_id: says.key_id,
                        from_index: says.from_index,
                        reason: says.reason.clone(),
                        log_index: one.index,
                    }
                })
                .collect(),
            lineage: provenance.lineage.iter().map(ancestor).collect(),
            installed: match provenance.installed {
                InstalledHere::No => "no",
                InstalledHere::Same => "same",
                InstalledHere::Different { .. } => "different",
            },
            concerns: provenance.concerns(),
            monitored_entries: match provenance.coverage {
                Coverage::Read { entries } => Some(entries),
                Coverage::Unread => None,
            },
            contact: ContactFacts {
                requests: traffic.requests,
                received_bytes: traffic.received_bytes,
                seconds: elapsed.as_secs_f64(),
                waited_seconds: traffic.waited.as_secs_f64(),
            },
        }
    }
}

fn placed<T, V>(one: &Placed<T>, said: V) -> PlacedView<V> {
    PlacedView {
        said,
        log_index: one.index,
        counts: one.counts,
    }
}

fn release_facts(facts: &Facts) -> ReleaseFacts {
    let open: Vec<Digest> = facts
        .open()
        .map(|one| one.said.statement_digest())
        .collect();
    let advisory = |one: &Placed<VerifiedAdvisory>| PlacedAdvisory {
        action: one.said.statement().action,
        stands: open.contains(&one.said.statement_digest()),
        said: placed(one, AdvisoryView::from(&one.said)),
    };
    ReleaseFacts {
        reference: facts.release.reference(),
        statement: facts.release.statement_digest(),
        log_index: facts.release.index(),
        recorded_at: facts.recorded_at.clone(),
        owners: facts.owners.clone(),
        must_sign: facts.threshold,
        signers: facts.keys.iter().map(KeyView::from).collect(),
        yanks: facts.yanks.iter().map(YankView::from).collect(),
        advisories: facts.advisories.iter().map(advisory).collect(),
    }
}

impl From<&SignerKey> for KeyView {
    fn from(key: &SignerKey) -> Self {
        Self {
            member: key.member.clone(),
            key_id: key.key_id,
            counts: key.range,
        }
    }
}

impl From<&Placed<YankWord>> for YankView {
    fn from(word: &Placed<YankWord>) -> Self {
        let said = &word.said;
        Self {
            action: said.statement.action,
            reason: said.statement.reason.clone(),
            signers: said.signers.iter().map(|one| one.member.clone()).collect(),
            log_index: word.index,
            counts: word.counts,
        }
    }
}

fn ancestor(one: &Ancestor) -> AncestorView {
    let (state, reason, release, lineage) = match &one.found {
        Found::Release { facts, lineage } => (
            "verified",
            None,
            Some(release_facts(facts)),
            lineage.as_slice(),
        ),
        Found::Again => ("shown above", None, None, &[][..]),
        Found::NotHere => ("not on this hub", None, None, &[][..]),
        Found::Refused { reason } => ("refused", Some(reason.clone()), None, &[][..]),
        Found::TooFar => ("too far to follow", None, None, &[][..]),
    };
    AncestorView {
        reference: one.derivation.release.clone(),
        how: one.derivation.how.clone(),
        state,
        reason,
        release,
        lineage: lineage.iter().map(ancestor).collect(),
    }
}

fn log_facts(log: &LogView) -> LogFacts {
    let newest = log.checkpoint();
    let at = |seconds: u64| {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).map_or_else(|_| String::new(), |time| time.to_string())
    };
    let witness = |(name, seconds): &(String, u64)| WitnessView {
        name: name.clone(),
        cosigned_at: at(*seconds),
    };
    LogFacts {
        origin: newest.checkpoint().origin.to_string(),
        size: newest.checkpoint().size,
        root: newest.checkpoint().root,
        witnesses: newest.cosigned().iter().map(witness).collect(),
    }
}
