//! The author's folder of a new extractor, which appears when `hub check` would pass it, or not at all.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use registry_schema::limits;
use registry_schema::manifest::{
    Derivation, GRAPH_FILE, Graph, LicenseError, Manifest, Output, ProbeTolerance, ProbeVectors,
    Provenance, combined_license,
};
use registry_schema::name::Name;
use registry_schema::onnx::splice::Pieces;
use registry_schema::preprocess::Input;
use semver::Version;

use super::ForgeError;
use super::assembly::write;
use super::probes::Picture;
use crate::files::StagedFolder;
use crate::publish::{AuthorFolder, CheckReport, MANIFEST_FILE, check};
use crate::store::InstalledRelease;
use crate::worker::Worker;

/// What a new extractor says of itself.
#[derive(Debug, Clone)]
pub struct About {
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// One line for listings; made up when absent.
    pub summary: Option<String>,
    /// Licence of the weights, an SPDX expression; that of what it is made of when absent.
    pub license: Option<String>,
    /// What it looks at; what the first of its sources does when absent.
    pub domain: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
}

/// An author's folder that has been made and checked.
#[derive(Debug)]
pub struct MadeExtractor {
    /// Where it is.
    pub folder: PathBuf,
    /// What it says.
    pub manifest: Manifest,
    /// What the check found.
    pub check: CheckReport,
}

impl About {
    /// The summary, or another one where there is none.
    pub(super) fn line(&self, other: &str) -> String {
        one_line(self.summary.as_deref().unwrap_or(other))
    }

    /// The licence that was stated, or that of a work which holds these.
    pub(super) fn license_of(&self, sources: &[&Manifest]) -> Result<String, LicenseError> {
        let licenses: Vec<&str> = sources.iter().map(|one| one.license.as_str()).collect();
        match &self.license {
            Some(stated) => Ok(stated.clone()),
            None => combined_license(&licenses),
        }
    }

    /// A manifest of these facts.
    pub(super) fn manifest(
        &self,
        summary: &str,
        (input, output): (Input, Output),
        graph: Graph,
        provenance: Provenance,
    ) -> Manifest {
        Manifest {
            v: 1,
            name: self.name.clone(),
            version: self.version.clone(),
            summary: self.line(summary),
            license: self.license.clone().unwrap_or_default(),
            tags: self.tags.clone(),
            domain: self
                .domain
                .clone()
                .unwrap_or_else(|| "photographs".to_owned()),
            changes: None,
            input,
            output,
            graph,
            probes: ProbeTolerance::default(),
            provenance,
            derived_from: Vec::new(),
            predecessor: None,
            files: Default::default(),
        }
    }
}

/// How a new extractor comes from an installed release.
pub(super) fn derivation(from: &InstalledRelease, how: String) -> Derivation {
    let release = from.release();
    Derivation {
        release: release.reference(),
        statement: Some(release.statement_digest()),
        how,
    }
}

/// The probe pictures of an installed release.
pub(super) fn probes_of(from: &InstalledRelease) -> Result<Vec<Picture>, ForgeError> {
    let read = |(path, disk): (String, PathBuf)| {
        let name = path.strip_prefix("probes/").unwrap_or(&path).to_owned();
        Ok((
            name,
            crate::files::read_limited(&disk, limits::PROBE_IMAGE_BYTES)?,
        ))
    };
    from.probe_images()?.into_iter().map(read).collect()
}

/// No longer than a summary may be, and on one line.
fn one_line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(limits::SUMMARY_CHARACTERS).collect()
}

/// All that goes into a new folder.
#[derive(Debug)]
pub(super) struct NewFolder {
    pub(super) manifest: Manifest,
    pub(super) card: String,
    pub(super) probes: Vec<Picture>,
    pub(super) graph: Pieces,
    /// What the graph's pieces are of.
    pub(super) files: Vec<BufReader<File>>,
}

impl NewFolder {
    /// Writes everything beside its place and runs the probes.
    pub(super) fn stage(mut self, folder: &Path, worker: &Worker) -> Result<Staged, ForgeError> {
        self.manifest.validate()?;
        let staged = StagedFolder::create(folder)?;
        let mut graph = staged.file(GRAPH_FILE)?;
        write(&self.graph, &mut self.files, &mut graph)?;
        graph.commit()?;
        staged.write(MANIFEST_FILE, self.manifest.to_toml()?.as_bytes())?;
        staged.write("README.md", self.card.as_bytes())?;
        for (name, bytes) in &self.probes {
            staged.write(&format!("probes/{name}"), bytes)?;
        }
        let mut author = AuthorFolder::open(staged.path())?;
        let report = check(&mut author, None, worker)?;
        Ok(Staged {
            vectors: author.read_vectors()?,
            folder: folder.to_owned(),
            manifest: self.manifest,
            report,
            staged,
        })
    }
}

/// A checked folder that is not at its place yet.
#[derive(Debug)]
pub(super) struct Staged {
    folder: PathBuf,
    pub(super) manifest: Manifest,
    /// What the new graph gives.
    pub(super) vectors: ProbeVectors,
    report: CheckReport,
    staged: StagedFolder,
}

impl Staged {
    /// Says something else of the same graph.
    pub(super) fn say(&mut self, manifest: Manifest, card: &str) -> Result<(), ForgeError> {
        manifest.validate()?;
        self.staged
            .write(MANIFEST_FILE, manifest.to_toml()?.as_bytes())?;
        self.staged.write("README.md", card.as_bytes())?;
        self.manifest = manifest;
        Ok(())
    }

    pub(super) fn commit(self) -> Result<MadeExtractor, ForgeError> {
        self.staged.commit()?;
        Ok(MadeExtractor {
            folder: self.folder,
            manifest: self.manifest,
            check: self.report,
        })
    }
}

/// The text for people, in the making.
pub(super) struct Card {
    text: String,
}

impl Card {
    pub(super) fn new(manifest: &Manifest) -> Self {
        let text = format!("# {}\n\n{}\n\n", manifest.name, manifest.summary);
        Self { text }
    }

    /// One that is written already.
    pub(super) fn of_text(text: String) -> Self {
        Self { text }
    }

    pub(super) fn line(&mut self, line: &str) {
        // Writing into a string does not fail.
        let _: std::fmt::Result = writeln!(self.text, "{line}");
    }

    pub(super) fn gap(&mut self) {
        self.line("");
    }

    /// What only its maker knows.
    pub(super) fn ask_its_publisher(&mut self) {
        self.gap();
        self.line(
            "What it sees, and what it does not. On which images it was trained. Where it is good, where it fails, and\n\
             figures from a held-out test with the number of images behind them: to be told by its publisher.",
        );
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}
