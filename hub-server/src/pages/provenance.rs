//! Where a release comes from, as a tree: who signed it, where it is logged, what it was made of.

use askama::Template;
use registry_schema::manifest::{Contribution, Derivation};
use registry_schema::statement::Statement;
use registry_schema::{envelope::Envelope, manifest::Manifest};

use super::shown::counted;
use super::{PageError, extractor_path};
use crate::database::releases::{self, ReleaseRow};
use crate::database::{Connection, from_column};

/// Generations that are shown above a release.
const DEPTH: usize = 4;

/// Releases of a tree at most: an ancestor may be reached on many ways.
const RELEASES: usize = 30;

/// One thing and what it comes from.
#[derive(Debug, Default, Template)]
#[template(path = "provenance.html")]
pub(crate) struct Node {
    /// What it is to the one above: `signed by`, `data set`.
    role: String,
    text: String,
    path: Option<String>,
    note: Option<String>,
    below: Vec<Node>,
}

impl Node {
    fn new(role: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            text: text.into(),
            ..Self::default()
        }
    }

    fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The tree of a release and of those of this hub that it was made from, as far as the first
    /// `covered` entries of the log have them.
    pub(super) fn of_release(
        connection: &mut Connection,
        row: &ReleaseRow,
        manifest: &Manifest,
        covered: u64,
    ) -> Result<Self, PageError> {
        let mut tree = Tree {
            connection,
            covered,
            left: RELEASES,
        };
        tree.release("", row, manifest, DEPTH)
    }
}

struct Tree<'a> {
    connection: &'a mut Connection,
    covered: u64,
    /// Releases that may still be shown.
    left: usize,
}

impl Tree<'_> {
    fn release(
        &mut self,
        role: &str,
        row: &ReleaseRow,
        manifest: &Manifest,
        depth: usize,
    ) -> Result<Node, PageError> {
        let mut below: Vec<Node> = row
            .signers
            .split_whitespace()
            .map(|member| Node::new("signed by", member).at("/members"))
            .collect();
        let index = row.index()?;
        let entry = Node::new("logged as", format!("entry {index}"));
        below.push(
            entry
                .at(format!("/log?entry={index}"))
                .note(format!("statement {}", row.statement)),
        );
        if let Some(before) = &manifest.predecessor {
            let path = format!(
                "{}?version={}",
                extractor_path(&manifest.name),
                before.version
            );
            let name = &manifest.name;
            below.push(Node::new("continues", format!("{name}@{}", before.version)).at(path));
        }
        for derivation in &manifest.derived_from {
            below.push(self.derivation(derivation, depth)?);
        }
        below.extend(made_of(manifest));
        let path = format!("{}?version={}", extractor_path(&manifest.name), row.version);
        Ok(Node {
            below,
            ..Node::new(role, format!("{}@{}", row.name, row.version)).at(path)
        })
    }

    fn derivation(&mut self, derivation: &Derivation, depth: usize) -> Result<Node, PageError> {
        let how = derivation.how.as_str();
        let elsewhere = Node::new("derived from", derivation.release.to_string()).note(how);
        let Some(statement) = &derivation.statement else {
            return Ok(elsewhere);
        };
        if depth == 0 || self.left == 0 {
            return Ok(elsewhere);
        }
        self.left -= 1;
        let Some(row) = releases::find(self.connection, &statement.to_string())? else {
            return Ok(elsewhere.note(format!("{how}; not on this hub")));
        };
        let is_shown = row
            .log_index
            .map(from_column)
            .transpose()?
            .is_some_and(|index| index < self.covered);
        let Some(manifest) = manifest_of(&row).filter(|_| is_shown) else {
            return Ok(elsewhere);
        };
        let node = self.release("derived from", &row, &manifest, depth - 1)?;
        Ok(node.note(how))
    }
}

/// What a manifest says of its sources.
fn made_of(manifest: &Manifest) -> Vec<Node> {
    let provenance = &manifest.provenance;
    let mut nodes: Vec<Node> = provenance
        .datasets
        .iter()
        .map(|set| {
            let images = set.images.map(|count| {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                counted(count, "image", "images")
            });
            let facts = [Some(set.license.clone()), images, set.source.clone()];
            let facts: Vec<_> = facts.into_iter().flatten().collect();
            Node::new("data set", set.name.as_str()).note(facts.join(" · "))
        })
        .collect();
    nodes.extend(provenance.contributors.iter().map(|one| {
        let gave: Vec<_> = one.gave.iter().copied().map(contribution).collect();
        Node::new("contributor", one.name.as_str()).note(gave.join(", "))
    }));
    let texts = [
        ("began as", &provenance.base),
        ("code", &provenance.code),
        ("notes", &provenance.notes),
    ];
    nodes.extend(
        texts
            .into_iter()
            .filter_map(|(role, text)| Some(Node::new(role, text.as_deref()?))),
    );
    nodes
}

fn contribution(gave: Contribution) -> &'static str {
    match gave {
        Contribution::Data => "data",
        Contribution::Labels => "labels",
        Contribution::Compute => "compute",
        Contribution::Code => "code",
        Contribution::Weights => "weights",
        Contribution::Funding => "funding",
    }
}

/// The manifest in a row that was verified when it was recorded.
fn manifest_of(row: &ReleaseRow) -> Option<Manifest> {
    let envelope = Envelope::parse(&row.envelope).ok()?;
    match Statement::parse(envelope.payload()).ok()? {
        Statement::Release(release) => Some(release.manifest().clone()),
        _ => None,
    }
}
