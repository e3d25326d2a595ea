//! `hub duplicates`

use std::collections::BTreeSet;
use std::fmt;

use hub_client::contact_sheet::{ContactSheet, Section};
use hub_client::explore::{DuplicateGroup, Neighbours, duplicates as find_duplicates};
use registry_schema::manifest::Distance;
use serde::Serialize;

use super::gathered::{Gathered, LookView};
use crate::app::Outcome;
use crate::args::DuplicatesArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list};

/// A cosine above 0.99.
const COSINE_RADIUS: f32 = 0.01;

/// Of the median distance between an image and its nearest, for other distances.
const USUAL_SHARE: f32 = 0.1;

#[derive(Serialize)]
struct DuplicatesView {
    /// Which distance counts.
    distance: Distance,
    within: f32,
    groups: Vec<GroupView>,
    #[serde(flatten)]
    look: LookView,
}

#[derive(Serialize)]
struct GroupView {
    /// Whether all have the same bytes.
    is_exact: bool,
    /// The farthest that one is from its nearest in the group.
    distance: f32,
    paths: Vec<String>,
    /// The different labels in the group.
    labels: Vec<String>,
}

pub(in crate::commands) fn duplicates(
    args: &DuplicatesArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    // 1. features
    let gathered = Gathered::find(&args.look, args.labels.as_ref(), None, context)?;
    // 2. groups
    let distance = match gathered.distance {
        // A product says nothing of how near two vectors are.
        Distance::Dot => Distance::Euclidean,
        other => other,
    };
    let within = match args.within {
        Some(within) => within,
        None => usual(&gathered, distance)?,
    };
    let (features, threads) = (gathered.features.view(), gathered.threads);
    let groups = find_duplicates(features, &gathered.digests, distance, within, threads)?;
    // 3. the answer
    let outcome = gathered.run.outcome();
    let views = groups.iter().map(|group| view(group, &gathered)).collect();
    let sheet = |gathered: &Gathered| ContactSheet {
        title: "Duplicates".to_owned(),
        sections: groups
            .iter()
            .map(|group| section(group, gathered))
            .collect(),
        ..ContactSheet::default()
    };
    let look = gathered.finish(sheet, context)?;
    context.show(&DuplicatesView {
        distance,
        within,
        groups: views,
        look,
    })?;
    Ok(outcome)
}

/// How near two images are when nobody says how near they must be.
fn usual(gathered: &Gathered, distance: Distance) -> Result<f32, CommandError> {
    if distance == Distance::Cosine {
        return Ok(COSINE_RADIUS);
    }
    let index = Neighbours::new(gathered.features.view(), distance, gathered.threads)?;
    let nearest = index.nearest_others(1)?;
    let mut distances: Vec<f32> = nearest.iter().flatten().map(|one| one.distance).collect();
    distances.sort_by(f32::total_cmp);
    let median = distances.get(distances.len() / 2);
    Ok(median.map_or(0.0, |median| median * USUAL_SHARE))
}

fn labels(group: &DuplicateGroup, gathered: &Gathered) -> Vec<String> {
    let labels = group
        .rows
        .iter()
        .filter_map(|&row| gathered.labels[row].clone());
    labels.collect::<BTreeSet<_>>().into_iter().collect()
}

fn view(group: &DuplicateGroup, gathered: &Gathered) -> GroupView {
    GroupView {
        is_exact: group.is_exact,
        distance: group.distance,
        paths: group.rows.iter().map(|&row| gathered.name(row)).collect(),
        labels: labels(group, gathered),
    }
}

fn section(group: &DuplicateGroup, gathered: &Gathered) -> Section {
    let labels = labels(group, gathered);
    let contradiction = match labels.len() {
        0 | 1 => String::new(),
        _ => format!(". Labelled differently: {}", list(&labels)),
    };
    Section {
        heading: format!("{} images", group.rows.len()),
        remark: format!("{}{contradiction}", words(group.is_exact, group.distance)),
        tiles: group
            .rows
            .iter()
            .map(|&row| gathered.tile(row, Vec::new()))
            .collect(),
    }
}

fn words(is_exact: bool, distance: f32) -> String {
    if is_exact {
        "the same bytes".to_owned()
    } else {
        format!("no farther than {distance:.4} from the nearest")
    }
}

impl Answer for DuplicatesView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        if self.groups.is_empty() {
            page.line("no duplicates")?;
        }
        for group in &self.groups {
            let title = format!("{} images", group.paths.len());
            let remark = words(group.is_exact, group.distance);
            page.line(format!("{}: {remark}", page.bold(&title)))?;
            for path in &group.paths {
                page.line(format!("  {path}"))?;
            }
            if group.labels.len() > 1 {
                page.line(format!("  LABELLED DIFFERENTLY: {}", list(&group.labels)))?;
            }
        }
        self.look.write_text(page)
    }
}
