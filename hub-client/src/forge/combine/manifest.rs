//! What the whole says of itself.

use registry_schema::limits;
use registry_schema::manifest::{Derivation, Graph, HeadTransform, Manifest, Output, Provenance};
use registry_schema::preprocess::Input;

use super::super::ForgeError;
use super::super::author::{Card, derivation};
use super::{CombineRequest, FEATURES, Part};

pub(super) fn manifest(
    request: &CombineRequest<'_>,
    parts: &[Part<'_>],
    input: Input,
    dimension: u32,
) -> Result<Manifest, ForgeError> {
    let sources: Vec<&Manifest> = parts.iter().map(Part::manifest).collect();
    let names: Vec<String> = parts.iter().map(Part::name).collect();
    let mut about = request.about.clone();
    about.license = Some(about.license_of(&sources)?);
    about.domain = about
        .domain
        .or(sources.first().map(|one| one.domain.clone()));
    if about.tags.is_empty() {
        about.tags = union(sources.iter().flat_map(|one| &one.tags));
        about.tags.truncate(limits::TAGS);
    }
    let distance = sources
        .first()
        .map(|one| one.output.distance)
        .unwrap_or_default();
    let is_same = sources.iter().all(|one| one.output.distance == distance);
    let transform = sources
        .first()
        .map(|one| one.output.head_transform)
        .unwrap_or_default();
    let is_same_transform = sources
        .iter()
        .all(|one| one.output.head_transform == transform);
    let output = Output {
        tensor: FEATURES.to_owned(),
        dimension,
        names: dimension_names(&sources),
        normalized: false,
        distance: if is_same {
            distance
        } else {
            Default::default()
        },
        head_transform: match is_same_transform {
            true => transform,
            false => HeadTransform::default(),
        },
    };
    let provenance = Provenance {
        datasets: union(sources.iter().flat_map(|one| &one.provenance.datasets)),
        contributors: union(sources.iter().flat_map(|one| &one.provenance.contributors)),
        code: Some(format!(
            "hub extractor combine, version {}",
            env!("CARGO_PKG_VERSION")
        )),
        ..Provenance::default()
    };
    let graph = Graph {
        control_flow: sources.iter().any(|one| one.graph.control_flow),
    };
    let summary = format!("{} side by side", names.join(" and "));
    let mut manifest = about.manifest(&summary, (input, output), graph, provenance);
    manifest.derived_from = parts
        .iter()
        .map(|part| derived(part, request.is_balanced))
        .collect();
    Ok(manifest)
}

fn derived(part: &Part<'_>, is_balanced: bool) -> Derivation {
    let last = part.first + part.dimension() - 1;
    let scaled = if is_balanced {
        ", scaled to length 1"
    } else {
        ""
    };
    derivation(
        part.release,
        format!("combined: dimensions {} to {last}{scaled}", part.first),
    )
}

/// Names of dimensions, when all parts have them.
fn dimension_names(sources: &[&Manifest]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for source in sources {
        let own = source.output.names.as_ref()?.iter();
        names.extend(own.map(|name| format!("{}: {name}", source.name)));
    }
    Some(names)
}

/// Each once, in order.
fn union<'a, T: Clone + PartialEq + 'a>(items: impl Iterator<Item = &'a T>) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for item in items {
        if !all.contains(item) {
            all.push(item.clone());
        }
    }
    all
}

pub(super) fn card(manifest: &Manifest, parts: &[Part<'_>], is_balanced: bool) -> String {
    let mut card = Card::new(manifest);
    for part in parts {
        let last = part.first + part.dimension() - 1;
        card.line(&format!(
            "- dimensions {} to {last}: `{}`, {}",
            part.first,
            part.name(),
            part.manifest().license
        ));
    }
    card.gap();
    card.line(match is_balanced {
        true => "Each part is scaled to length 1, so that all count alike.",
        false => {
            "Each part is as it is alone; where their lengths differ, the longer one counts more."
        }
    });
    card.ask_its_publisher();
    card.into_text()
}
