//! `hub clusters`

use std::fmt;
use std::num::NonZeroUsize;

use hub_client::contact_sheet::{ContactSheet, Section};
use hub_client::explore::{Clusters, default_count};
use serde::Serialize;

use super::gathered::{Gathered, LookView};
use crate::app::Outcome;
use crate::args::ClustersArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, percent};

/// Images of a group on the contact sheet.
const SHOWN: usize = 24;

#[derive(Serialize)]
struct ClustersView {
    clusters: Vec<ClusterView>,
    seed: u64,
    #[serde(flatten)]
    look: LookView,
}

/// A group, its images with the most typical first.
#[derive(Serialize)]
pub(super) struct ClusterView {
    pub(super) images: usize,
    /// The most frequent label, and its share among the labelled images of the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<NameView>,
    medoids: Vec<String>,
    members: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct NameView {
    label: String,
    share: f64,
}

pub(in crate::commands) fn clusters(
    args: &ClustersArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    // 1. features
    let mut gathered = Gathered::find(&args.look, args.labels.as_ref(), None, context)?;
    // 2. groups
    let count = args
        .count
        .or(NonZeroUsize::new(default_count(gathered.images.len())));
    let count = count.unwrap_or(NonZeroUsize::MIN);
    let rows = gathered.take_prepared();
    let clusters = Clusters::find(rows.view(), count, args.seed, gathered.threads)?;
    if clusters.len() < count.get() {
        let found = clusters.len();
        context.report().note(&format!(
            "{found} groups instead of {count}: there are no more images that differ"
        ));
    }
    // 3. the answer
    let outcome = gathered.run.outcome();
    let views = (0..clusters.len()).map(|group| ClusterView::new(&clusters, group, &gathered));
    let views: Vec<_> = views.collect();
    let sheet = |gathered: &Gathered| ContactSheet {
        title: "Groups".to_owned(),
        sections: sections(&clusters, &views, gathered),
        ..ContactSheet::default()
    };
    let look = gathered.finish(sheet, context)?;
    context.show(&ClustersView {
        clusters: views,
        seed: args.seed,
        look,
    })?;
    Ok(outcome)
}

impl ClusterView {
    pub(super) fn new(clusters: &Clusters, group: usize, gathered: &Gathered) -> Self {
        let names = |rows: &[usize]| rows.iter().map(|&row| gathered.name(row)).collect();
        let name = clusters.name(group, &gathered.labels);
        Self {
            images: clusters.members[group].len(),
            name: name.map(|(label, share)| NameView {
                label: label.to_owned(),
                share,
            }),
            medoids: names(clusters.medoids(group)),
            members: names(&clusters.members[group]),
        }
    }

    /// What to call it, by its number from 1.
    pub(super) fn title(&self, number: usize) -> String {
        match &self.name {
            Some(NameView { label, share }) => {
                format!(
                    "Group {number}: {label} ({} of its labels)",
                    percent(*share)
                )
            }
            None => format!("Group {number}"),
        }
    }
}

pub(super) fn sections(
    clusters: &Clusters,
    views: &[ClusterView],
    gathered: &Gathered,
) -> Vec<Section> {
    let section = |(group, view): (usize, &ClusterView)| {
        let members = &clusters.members[group];
        let shown = members.len().min(SHOWN);
        let more = match members.len() - shown {
            0 => String::new(),
            _ => format!(", {shown} shown"),
        };
        Section {
            heading: view.title(group + 1),
            remark: format!("{} images{more}, the most typical first", members.len()),
            tiles: members[..shown]
                .iter()
                .map(|&row| gathered.tile(row, Vec::new()))
                .collect(),
        }
    };
    views.iter().enumerate().map(section).collect()
}

impl Answer for ClustersView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let row = |(index, one): (usize, &ClusterView)| {
            let name = one.name.as_ref().map_or(String::new(), |name| {
                format!("{} ({})", name.label, percent(name.share))
            });
            vec![
                (index + 1).to_string(),
                one.images.to_string(),
                name,
                list(&one.medoids),
            ]
        };
        let rows: Vec<_> = self.clusters.iter().enumerate().map(row).collect();
        page.table(&["GROUP", "IMAGES", "LABEL", "MOST TYPICAL"], &rows)?;
        self.look.write_text(page)
    }
}
