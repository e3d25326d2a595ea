//! The page of an extractor, by one of its releases.

use std::collections::BTreeMap;
use std::io::Read as _;

use askama::Template;
use registry_schema::api::namespace;
use registry_schema::compatibility::predecessor;
use registry_schema::limits;
use registry_schema::manifest::{CARD_FILE, HeadTransform, Manifest};
use registry_schema::name::{MemberName, Name};
use registry_schema::preprocess::ResizeMode;
use registry_schema::reference::Requirement;
use registry_schema::statement::{AdvisoryAction, AffectedVersions, Severity};
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{VerifiedRelease, check_signers, verify_advisory};
use semver::Version;

use super::card;
use super::catalogue::owners;
use super::evaluations::Evaluations;
use super::provenance::Node;
use super::shown::{Moment, counted, size};
use super::{PageError, Part, Site, extractor_path};
use crate::app::Hub;
use crate::blobs::Blobs;
use crate::database::advisories::{self, AdvisoryRow};
use crate::database::catalogue::input_text;
use crate::database::releases::{ListingRank, ReleaseRow};
use crate::database::{Connection, DatabaseError, catalogue, evaluations, from_column};
use crate::publish::{distance_text, stored_release};
use crate::resolve::{ResolveError, visible};

/// An extractor by one of its releases.
#[derive(Debug, Template)]
#[template(path = "extractor.html")]
pub(crate) struct ExtractorPage {
    site: Site,
    name: String,
    version: String,
    summary: String,
    owners: String,
    /// The line that brings it.
    pull: String,
    facts: Vec<(&'static str, String)>,
    tags: Vec<String>,
    yanked: Option<Yanked>,
    /// Why its signatures do not count any more.
    weak: Option<String>,
    warnings: Vec<Warning>,
    card: Option<String>,
    probes: Vec<Probe>,
    versions: Vec<VersionRow>,
    evaluations: Evaluations,
    provenance: Node,
    files: Vec<FileRow>,
}

#[derive(Debug)]
struct Yanked {
    reason: String,
    replacement: Option<String>,
}

/// An open advisory.
#[derive(Debug)]
pub(super) struct Warning {
    pub(super) severity: Severity,
    by: String,
    title: String,
    text: String,
    affected: String,
    /// Whether the release of the page is among the affected ones.
    is_here: bool,
    range: AffectedVersions,
    entry: i64,
}

#[derive(Debug)]
struct Probe {
    name: String,
    path: String,
}

#[derive(Debug)]
struct VersionRow {
    version: String,
    path: String,
    is_chosen: bool,
    published: Moment,
    promise: String,
    changes: Option<String>,
    dimension: i64,
    size: String,
    signers: String,
    entry: u64,
    evaluations: Option<String>,
    yanked: Option<Yanked>,
}

#[derive(Debug)]
struct FileRow {
    path: String,
    size: String,
    digest: String,
}

impl ExtractorPage {
    /// The page of a name, by the release of a version or by the one that is listed.
    pub(crate) fn load(
        connection: &mut Connection,
        hub: &Hub,
        reader: Option<MemberName>,
        name: &Name,
        version: Option<&Version>,
    ) -> Result<Self, PageError> {
        let covered = hub.log.published_size();
        let mut rows = visible(connection, name, covered)?
            .into_iter()
            .map(|row| Ok((row.version()?, row)))
            .collect::<Result<Vec<_>, DatabaseError>>()?;
        rows.sort_by(|(a, _), (b, _)| b.cmp(a));
        let chosen = choose(name, &rows, version)?;
        let (version, row) = &rows[chosen];
        let root = &hub.trust_root().root;
        let release = stored_release(root, name, row)?;
        let manifest = release.manifest();
        let mut warnings = open_warnings(
            root,
            name,
            advisories::list(connection, name)?.iter(),
            covered,
        );
        for warning in &mut warnings {
            warning.is_here = warning.range.contains(version);
        }
        warnings.sort_by_key(|warning| (!warning.is_here, std::cmp::Reverse(warning.severity)));
        let said = evaluations::list(connection, &row.statement)?;
        Ok(Self {
            site: Site::new(hub, reader, Part::Extractors),
            name: name.to_string(),
            version: version.to_string(),
            summary: manifest.summary.clone(),
            owners: owners(root, name),
            pull: format!("hub pull {}", reference(name, chosen, &rows)),
            facts: facts(manifest, row)?,
            tags: manifest.tags.clone(),
            yanked: yanked(row),
            weak: check_signers(
                &root.including_lapsed_keyrings(),
                name,
                release.signers(),
                row.index()?,
            )
            .err()
            .map(|error| crate::cause::chain(&error)),
            warnings,
            card: read_card(&hub.blobs, &release)?,
            probes: probes(&release),
            versions: version_rows(connection, name, &rows, chosen)?,
            evaluations: Evaluations::of(root, &release, &said, covered)?,
            provenance: Node::of_release(connection, row, manifest, covered)?,
            files: files(&release),
        })
    }
}

/// Where the release of the page is among the rows.
fn choose(
    name: &Name,
    rows: &[(Version, ReleaseRow)],
    version: Option<&Version>,
) -> Result<usize, ResolveError> {
    if rows.is_empty() {
        return Err(ResolveError::NoSuchExtractor { name: name.clone() });
    }
    let Some(version) = version else {
        // Not by the column: what that names may not be covered yet.
        let ranks = rows
            .iter()
            .map(|(one, row)| ListingRank::new(one.clone(), row.is_yanked));
        let listed = ranks.enumerate().max_by(|(_, a), (_, b)| a.cmp(b));
        return Ok(listed.map_or(0, |(at, _)| at));
    };
    let found = rows.iter().position(|(one, _)| one == version);
    found.ok_or_else(|| ResolveError::NoSuchRelease {
        name: name.clone(),
        requirement: Requirement::Exact(version.clone()),
        there: String::new(),
    })
}

/// `name@2` where that leads to the release, else its exact version.
fn reference(name: &Name, chosen: usize, rows: &[(Version, ReleaseRow)]) -> String {
    let (version, _) = &rows[chosen];
    let floats = Requirement::Major(version.major);
    let newest = rows
        .iter()
        .position(|(one, row)| floats.matches(one) && !row.is_yanked);
    if newest == Some(chosen) {
        format!("{name}@{}", version.major)
    } else {
        format!("{name}@{version}")
    }
}

fn facts(
    manifest: &Manifest,
    row: &ReleaseRow,
) -> Result<Vec<(&'static str, String)>, DatabaseError> {
    let input = &manifest.input;
    let resize = match input.resize.mode {
        ResizeMode::Exact => "whole picture, squashed to this size",
        ResizeMode::Shortest => "centre of the picture",
        ResizeMode::Letterbox => "whole picture, with bars",
    };
    let transform = match manifest.output.head_transform {
        HeadTransform::L2 => "centred, scaled to length 1",
        HeadTransform::Standardize => "standardised",
        HeadTransform::None => "as they are",
    };
    let published = Moment::of(row.published_at)?;
    Ok(vec![
        ("Sees", manifest.domain.clone()),
        ("Input", format!("{}, {resize}", input_text(input))),
        ("Features", format!("{} dimensions", row.dimension)),
        (
            "Compared by",
            distance_text(manifest.output.distance).to_owned(),
        ),
        ("Heads take them", transform.to_owned()),
        ("Size", size(from_column(row.size_bytes)?)),
        ("Licence", row.license.clone()),
        ("Published", published.minute),
        ("Signed by", row.signers.replace(' ', ", ")),
    ])
}

fn yanked(row: &ReleaseRow) -> Option<Yanked> {
    row.is_yanked.then(|| Yanked {
        reason: row.yank_reason.clone().unwrap_or_default(),
        replacement: row.yank_replacement.clone(),
    })
}

/// The advisories that stand, of those that the first `covered` entries of the log have and whose
/// keys count there. `said` has each advisory's statements in order.
pub(super) fn open_warnings<'a>(
    root: &ConsortiumRoot,
    name: &Name,
    said: impl Iterator<Item = &'a AdvisoryRow>,
    covered: u64,
) -> Vec<Warning> {
    let keys = root.including_lapsed_keyrings();
    let mut last = BTreeMap::new();
    for row in said {
        let Ok(index) = from_column(row.log_index) else {
            continue;
        };
        if index >= covered {
            continue;
        }
        if let Ok(advisory) = verify_advisory(&keys, name, &row.envelope, index) {
            last.insert((&row.member, row.number), (advisory, row.log_index));
        }
    }
    let open = last
        .into_values()
        .filter(|(advisory, _)| advisory.statement().action == AdvisoryAction::Open);
    open.map(|(advisory, entry)| {
        let said = advisory.statement();
        Warning {
            severity: said.severity,
            by: said.by.to_string(),
            title: said.title.clone(),
            text: said.text.clone(),
            affected: affected(&said.affected),
            is_here: false,
            range: said.affected.clone(),
            entry,
        }
    })
    .collect()
}

fn affected(range: &AffectedVersions) -> String {
    let first = &range.introduced;
    match (&range.last_affected, &range.fixed_in) {
        (Some(last), _) if last == first => format!("{first}"),
        (Some(last), _) => format!("{first} to {last}"),
        (None, Some(fixed)) => format!("{first} up to, but not, {fixed}"),
        (None, None) => format!("{first} and later"),
    }
}

/// The card as HTML; `None` in a mirror that does not have it.
fn read_card(blobs: &Blobs, release: &VerifiedRelease) -> Result<Option<String>, PageError> {
    let Some(file) = release.file(CARD_FILE) else {
        return Ok(None);
    };
    let Some((opened, _)) = blobs.open(&file.digest)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    opened
        .take(limits::CARD_BYTES)
        .read_to_end(&mut bytes)
        .map_err(PageError::Card)?;
    let image = |path: &str| {
        let is_probe = release.probe_images().any(|file| file.path == path);
        is_probe.then(|| probe_path(release.manifest(), path))
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(card::to_html(&text, image)))
}

/// The address of a probe image: of its exact release, so that it can be kept.
fn probe_path(manifest: &Manifest, file: &str) -> String {
    let (name, version) = (&manifest.name, &manifest.version);
    let file = file.trim_start_matches("probes/");
    format!(
        "/probe-images/{}/{}/{version}/{file}",
        namespace(name),
        name.base()
    )
}

fn probes(release: &VerifiedRelease) -> Vec<Probe> {
    let images = release.probe_images();
    let probe = images.map(|file| Probe {
        name: file.path.trim_start_matches("probes/").to_owned(),
        path: probe_path(release.manifest(), &file.path),
    });
    probe.collect()
}

fn files(release: &VerifiedRelease) -> Vec<FileRow> {
    let files = release.files().iter().map(|file| FileRow {
        path: file.path.clone(),
        size: size(file.size_bytes),
        digest: file.digest.to_hex(),
    });
    files.collect()
}

fn version_rows(
    connection: &mut Connection,
    name: &Name,
    rows: &[(Version, ReleaseRow)],
    chosen: usize,
) -> Result<Vec<VersionRow>, PageError> {
    let statements: Vec<_> = rows.iter().map(|(_, row)| row.statement.clone()).collect();
    let evaluators = catalogue::evaluators(connection, &statements)?;
    let row = |(at, (version, row)): (usize, &(Version, ReleaseRow))| {
        let evaluations = evaluators.get(&row.statement);
        Ok(VersionRow {
            version: version.to_string(),
            path: format!("{}?version={version}", extractor_path(name)),
            is_chosen: at == chosen,
            published: Moment::of(row.published_at)?,
            promise: promise(version, row.dimension, rows),
            changes: row.changes.clone(),
            dimension: row.dimension,
            size: size(from_column(row.size_bytes)?),
            signers: row.signers.replace(' ', ", "),
            entry: row.index()?,
            evaluations: evaluations.map(|count| counted(*count, "member", "members")),
            yanked: yanked(row),
        })
    };
    rows.iter().enumerate().map(row).collect()
}

/// What the version number promises, beside the release before.
fn promise(version: &Version, dimension: i64, rows: &[(Version, ReleaseRow)]) -> String {
    let Some(before) = predecessor(version, rows.iter().map(|(version, _)| version)) else {
        let space = version.major;
        return format!("Begins feature space {space}: its heads fit no other MAJOR version.");
    };
    if before.minor == version.minor {
        return format!("The same function as {before}: heads keep their answers.");
    }
    let earlier = rows.iter().find(|(one, _)| one == before);
    let appended = earlier.map_or(0, |(_, row)| dimension - row.dimension);
    if appended > 0 {
        format!("The features of {before}, and {appended} more: its heads still fit.")
    } else {
        format!("The features of {before}: its heads still fit.")
    }
}
