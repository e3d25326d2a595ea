//! A release's provenance as a tree, for people.

use std::fmt;

use registry_schema::manifest::{Contribution, Contributor, Dataset, Provenance as Card};
use registry_schema::statement::{AdvisoryAction, YankAction};

use super::audit_view::{
    AncestorView, KeyView, PlacedAdvisory, PlacedView, ProvenanceView, ReleaseFacts, WitnessView,
    YankView,
};
use super::members_view::{EvaluationView, verdict_text};
use crate::output::{Answer, Page, list, time};

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
