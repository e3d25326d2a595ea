//! `hub similar`

use std::fmt;

use hub_client::contact_sheet::{ContactSheet, Section};
use hub_client::explore::{Neighbour, Neighbours};
use ndarray::{Axis, Slice};
use registry_schema::manifest::Distance;
use serde::Serialize;

use super::gathered::{Gathered, LookView};
use crate::app::Outcome;
use crate::args::SimilarArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};

#[derive(Serialize)]
struct SimilarView {
    image: String,
    class: Option<String>,
    distance: Distance,
    similar: Vec<NeighbourView>,
    /// Of other classes; null when the class of the image is not known.
    of_another_class: Option<Vec<NeighbourView>>,
    #[serde(flatten)]
    look: LookView,
}

#[derive(Serialize)]
struct NeighbourView {
    path: String,
    distance: f32,
    label: Option<String>,
    /// Whether it has the same bytes.
    is_the_same: bool,
}

pub(in crate::commands) fn similar(
    args: &SimilarArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    // 1. features
    let gathered = Gathered::find(&args.look, args.labels.as_ref(), Some(&args.image), context)?;
    let query = gathered.query.ok_or_else(|| CommandError::QueryImage {
        path: args.image.clone(),
    })?;
    // 2. the nearest, and the nearest of other classes
    let features = gathered.features.view();
    let index = Neighbours::new(features, gathered.distance, gathered.threads)?;
    let own = features.slice_axis(Axis(0), Slice::from(query..=query));
    let class = args
        .class
        .clone()
        .or_else(|| gathered.labels[query].clone());
    let nearest = |may: &(dyn Fn(usize) -> bool + Sync)| -> Result<Vec<Neighbour>, CommandError> {
        let found = index.nearest(own, args.count.get(), |_, row| row != query && may(row))?;
        Ok(found.into_iter().next().unwrap_or_default())
    };
    let similar = nearest(&|_| true)?;
    let is_other = |row: usize| gathered.labels[row].is_some() && gathered.labels[row] != class;
    let others = match class {
        Some(_) => Some(nearest(&is_other)?),
        None => None,
    };
    // 3. the answer
    let outcome = gathered.run.outcome();
    let view = |found: &[Neighbour]| -> Vec<NeighbourView> {
        let one = |one: &Neighbour| NeighbourView {
            path: gathered.name(one.row),
            distance: one.distance,
            label: gathered.labels[one.row].clone(),
            is_the_same: gathered.digests[one.row] == gathered.digests[query],
        };
        found.iter().map(one).collect()
    };
    let (image, distance) = (gathered.name(query), gathered.distance);
    let (similar_view, others_view) = (view(&similar), others.as_deref().map(view));
    drop(index);
    let sheet = |gathered: &Gathered| sheet(gathered, query, &similar, others.as_deref());
    let look = gathered.finish(sheet, context)?;
    context.show(&SimilarView {
        image,
        class,
        distance,
        similar: similar_view,
        of_another_class: others_view,
        look,
    })?;
    Ok(outcome)
}

fn sheet(
    gathered: &Gathered,
    query: usize,
    similar: &[Neighbour],
    others: Option<&[Neighbour]>,
) -> ContactSheet {
    let section = |heading: &str, found: &[Neighbour]| Section {
        heading: heading.to_owned(),
        remark: String::new(),
        tiles: found
            .iter()
            .map(|one| gathered.tile(one.row, vec![format!("distance {:.4}", one.distance)]))
            .collect(),
    };
    let asked = Section {
        heading: "Asked for".to_owned(),
        remark: String::new(),
        tiles: vec![gathered.tile(query, Vec::new())],
    };
    let mut sections = vec![asked, section("Most similar", similar)];
    sections.extend(others.map(|found| section("Most similar of other classes", found)));
    ContactSheet {
        title: format!("Similar to {}", gathered.name(query)),
        sections,
        ..ContactSheet::default()
    }
}

impl Answer for SimilarView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        write_list(page, &format!("similar to {}", self.image), &self.similar)?;
        if let (Some(others), Some(class)) = (&self.of_another_class, &self.class) {
            page.line("")?;
            write_list(page, &format!("of other classes than {class}"), others)?;
        }
        self.look.write_text(page)
    }
}

fn write_list(page: &mut Page, title: &str, found: &[NeighbourView]) -> fmt::Result {
    page.line(page.bold(title))?;
    let row = |one: &NeighbourView| {
        let same = if one.is_the_same {
            " (the same bytes)"
        } else {
            ""
        };
        vec![
            format!("{:.4}", one.distance),
            format!("{}{same}", one.path),
            one.label.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    page.table(&["DISTANCE", "PATH", "LABEL"], &rows)
}
