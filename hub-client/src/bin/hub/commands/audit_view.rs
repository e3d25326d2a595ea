//! A release's provenance as it is shown: a tree for people, an object for programs.

use std::fmt;
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
use registry_schema::manifest::{Contribution, Contributor, Dataset, Provenance as Card};
use registry_schema::name::MemberName;
use registry_schema::reference::Reference;
use registry_schema::statement::{AdvisoryAction, YankAction};
use registry_schema::trust_root::TrustRoot;
use registry_schema::tuf::files::IndexRange;
use registry_schema::verify::VerifiedAdvisory;
use serde::Serialize;

use super::members_view::{AdvisoryView, EvaluationView, verdict_text};
use crate::output::{Answer, Page, list, time};

/// The full provenance of a release.
#[derive(Serialize)]
pub(super) struct ProvenanceView {
    release: ReleaseFacts,
    log: LogFacts,
    trust_root: RootFacts,
    provenance: Card,
    evaluations: Vec<PlacedView<EvaluationView>>,
    key_compromises: Vec<TakenBackView>,
    lineage: Vec<AncestorView>,
    installed: &'static str,
    /// What a user of the release has to look at.
    pub(super) concerns: Vec<String>,
    /// Entries that this machine's monitor has read: nothing before is left out. Null without one.
    monitored_entries: Option<u64>,
    contact: ContactFacts,
}

#[derive(Serialize)]
struct ReleaseFacts {
    reference: Reference,
    statement: Digest,
    log_index: u64,
    /// The hub's word.
    recorded_at: String,
    owners: Vec<MemberName>,
    must_sign: usize,
    signers: Vec<KeyView>,
    yanks: Vec<YankView>,
    /// Every statement, also of advisories that are closed.
    advisories: Vec<PlacedAdvisory>,
}

#[derive(Serialize)]
struct KeyView {
    member: MemberName,
    key_id: KeyId,
    counts: IndexRange,
}

#[derive(Serialize)]
struct YankView {
    action: YankAction,
    reason: String,
    signers: Vec<MemberName>,
    log_index: u64,
    counts: bool,
}

#[derive(Serialize)]
struct PlacedView<T> {
    #[serde(flatten)]
    said: T,
    log_index: u64,
    counts: bool,
}

#[derive(Serialize)]
struct PlacedAdvisory {
    #[serde(flatten)]
    said: PlacedView<AdvisoryView>,
    action: AdvisoryAction,
    stands: bool,
}

#[derive(Serialize)]
struct TakenBackView {
    member: MemberName,
    key_id: KeyId,
    from_index: u64,
    reason: String,
    log_index: u64,
}

#[derive(Serialize)]
struct AncestorView {
    reference: Reference,
    how: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<ReleaseFacts>,
    lineage: Vec<Self>,
}

#[derive(Serialize)]
struct LogFacts {
    origin: String,
    size: u64,
    root: Digest,
    witnesses: Vec<WitnessView>,
}

#[derive(Serialize)]
struct WitnessView {
    name: String,
    cosigned_at: String,
}

#[derive(Serialize)]
struct RootFacts {
    consortium: String,
    root_version: u64,
    targets_version: u64,
    digest: Digest,
}

/// What the audit took.
#[derive(Serialize)]
struct ContactFacts {
    requests: u64,
    received_bytes: u64,
    seconds: f64,
    waited_seconds: f64,
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

/// A tree in the making: each node is a line and what hangs on it.
struct Node {
    line: String,
    children: Vec<Self>,
}

impl Node {
    fn leaf(line: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            children: Vec::new(),
        }
    }

    fn with(line: impl Into<String>, children: Vec<Self>) -> Self {
        Self {
            line: line.into(),
            children,
        }
    }

    fn write(&self, page: &mut Page, first: &str, rest: &str) -> fmt::Result {
        page.line(format!("{first}{}", self.line))?;
        for (left, child) in (0..self.children.len()).rev().zip(&self.children) {
            let (branch, below) = if left == 0 {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            child.write(page, &format!("{rest}{branch}"), &format!("{rest}{below}"))?;
        }
        Ok(())
    }
}

impl Answer for ProvenanceView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let release = &self.release;
        let mut nodes = release_nodes(release);
        nodes.insert(0, Node::leaf(format!("statement {}", release.statement)));
        nodes.push(self.log_node());
        nodes.push(Node::leaf(format!(
            "trust root {} of {}, targets {}",
            self.trust_root.root_version,
            self.trust_root.consortium,
            self.trust_root.targets_version
        )));
        nodes.extend(card_nodes(&self.provenance));
        let lineage = self.lineage.iter().map(ancestor_node);
        nodes.extend(lineage);
        nodes.push(group(
            "evaluations",
            self.evaluations.iter().map(evaluation_node),
        ));
        nodes.extend(self.key_compromises.iter().map(|one| {
            Node::leaf(format!(
                "KEY TAKEN BACK by {}: {} from log index {} on: {} (entry {})",
                one.member, one.key_id, one.from_index, one.reason, one.log_index
            ))
        }));
        nodes.push(Node::leaf(match self.installed {
            "same" => "installed here: the same bytes".to_owned(),
            "different" => "installed here: SOMETHING ELSE".to_owned(),
            _ => "not installed here".to_owned(),
        }));
        nodes.push(Node::leaf(match self.monitored_entries {
            Some(entries) if entries >= self.log.size => {
                "complete: this machine's monitor has read the whole log".to_owned()
            }
            Some(entries) => format!(
                "complete up to entry {entries}: later yanks, advisories or evaluations may be withheld"
            ),
            None => "a hub can withhold yanks, advisories and evaluations: `hub audit --monitor` \
                     makes sure that it does not"
                .to_owned(),
        }));
        let title = page.bold(&release.reference.to_string());
        Node::with(title, nodes).write(page, "", "")?;
        page.line("")?;
        if self.concerns.is_empty() {
            return page.line("nothing to look at");
        }
        for concern in &self.concerns {
            page.line(format!("LOOK: {concern}"))?;
        }
        Ok(())
    }
}

impl ProvenanceView {
    fn log_node(&self) -> Node {
        let line = format!(
            "entry {} of {} in the log {}",
            self.release.log_index, self.log.size, self.log.origin
        );
        let witness = |one: &WitnessView| {
            Node::leaf(format!(
                "seen by {} at {}",
                one.name,
                time(&one.cosigned_at)
            ))
        };
        let mut children: Vec<_> = self.log.witnesses.iter().map(witness).collect();
        if children.is_empty() {
            children.push(Node::leaf("no witness is needed by the trust root"));
        }
        Node::with(line, children)
    }
}

fn group(title: &str, children: impl Iterator<Item = Node>) -> Node {
    let children: Vec<_> = children.collect();
    if children.is_empty() {
        Node::leaf(format!("{title}: none"))
    } else {
        Node::with(title, children)
    }
}

/// What is shown of every release, also of those in the lineage.
fn release_nodes(release: &ReleaseFacts) -> Vec<Node> {
    let signer = |one: &KeyView| {
        let short: String = one.key_id.to_string().chars().take(16).collect();
        let end = one.counts.until.map_or_else(String::new, |until| {
            format!(", which counts before entry {until} only")
        });
        Node::leaf(format!("{} with key {short}…{end}", one.member))
    };
    let (count, owners) = (release.signers.len(), release.owners.len());
    let must_sign = release.must_sign;
    let line = if owners > 1 {
        format!("signed by {count} of its {owners} owners, {must_sign} must")
    } else {
        "signed by its owner".to_owned()
    };
    let mut nodes = vec![Node::with(
        line,
        release.signers.iter().map(signer).collect(),
    )];
    nodes.push(Node::leaf(format!(
        "recorded {}, as the hub says",
        time(&release.recorded_at)
    )));
    nodes.extend(release.yanks.iter().map(yank_node));
    let advisories = release.advisories.iter().map(advisory_node);
    nodes.push(group("advisories", advisories));
    nodes
}

fn yank_node(one: &YankView) -> Node {
    let action = match one.action {
        YankAction::Yank => "YANKED",
        YankAction::Unyank => "restored",
    };
    let void = if one.counts {
        ""
    } else {
        ", with a key that does not count"
    };
    Node::leaf(format!(
        "{action} by {}: {} (entry {}{void})",
        list(&one.signers),
        one.reason,
        one.log_index
    ))
}

fn advisory_node(one: &PlacedAdvisory) -> Node {
    let state = match (one.said.counts, one.stands, one.action) {
        (false, _, _) => "does not count",
        (_, true, _) => "OPEN",
        (_, _, AdvisoryAction::Close) => "closed",
        _ => "replaced",
    };
    Node::leaf(format!(
        "{state}: {} (entry {})",
        one.said.said.line(),
        one.said.log_index
    ))
}

fn evaluation_node(one: &PlacedView<EvaluationView>) -> Node {
    let said = &one.said;
    let void = if one.counts { "" } else { ", does not count" };
    Node::leaf(format!(
        "{}: {}, {} right of {} images: {} (entry {}{void})",
        said.by,
        verdict_text(said.verdict),
        said.accuracy_text(),
        said.images,
        said.task,
        one.log_index
    ))
}

/// From what it was made, as its owners say.
fn card_nodes(card: &Card) -> Vec<Node> {
    let dataset = |one: &Dataset| {
        let images = one
            .images
            .map_or_else(String::new, |count| format!(", {count} images"));
        Node::leaf(format!("{} ({}{images})", one.name, one.license))
    };
    let contributor = |one: &Contributor| {
        Node::leaf(format!(
            "{}: {}",
            one.name,
            list(one.gave.iter().map(|it| word(*it)))
        ))
    };
    let mut nodes = Vec::new();
    nodes.extend(
        card.base
            .iter()
            .map(|base| Node::leaf(format!("started from {base}"))),
    );
    nodes.extend(
        card.code
            .iter()
            .map(|code| Node::leaf(format!("made by {code}"))),
    );
    nodes.push(group("data sets", card.datasets.iter().map(dataset)));
    nodes.push(group(
        "contributors",
        card.contributors.iter().map(contributor),
    ));
    nodes
}

fn word(gave: Contribution) -> &'static str {
    match gave {
        Contribution::Data => "data",
        Contribution::Labels => "labels",
        Contribution::Compute => "compute",
        Contribution::Code => "code",
        Contribution::Weights => "weights",
        Contribution::Funding => "funding",
    }
}

fn ancestor_node(one: &AncestorView) -> Node {
    let mut line = format!("made from {} ({}): {}", one.reference, one.how, one.state);
    if let Some(release) = &one.release {
        line = format!(
            "made from {} ({}): entry {}",
            release.reference, one.how, release.log_index
        );
    }
    if let Some(reason) = &one.reason {
        line = format!("{line}: {reason}");
    }
    let facts = one.release.iter().flat_map(release_nodes);
    let children = facts.chain(one.lineage.iter().map(ancestor_node));
    Node::with(line, children.collect())
}
