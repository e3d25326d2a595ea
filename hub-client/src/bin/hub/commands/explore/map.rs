//! `hub map`

use std::fmt;
use std::num::NonZeroUsize;

use hub_client::contact_sheet::{ContactSheet, MapPoint};
use hub_client::explore::{Clusters, default_count, map as place};
use serde::Serialize;

use super::clusters::{ClusterView, sections};
use super::gathered::{Gathered, LookView};
use crate::app::Outcome;
use crate::args::MapArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};
use crate::progress::Bar;

#[derive(Serialize)]
struct MapView {
    seed: u64,
    /// Group by group, the most typical image of each first.
    images: Vec<PlaceView>,
    #[serde(flatten)]
    look: LookView,
}

#[derive(Serialize)]
struct PlaceView {
    path: String,
    /// From the left, 0 to 1.
    x: f32,
    /// From the top, 0 to 1.
    y: f32,
    /// The number of its group, from 1.
    group: usize,
    label: Option<String>,
}

pub(in crate::commands) fn map(args: &MapArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. features
    let mut gathered = Gathered::find(&args.look, args.labels.as_ref(), None, context)?;
    // 2. places and groups
    let rows = gathered.take_prepared();
    let spinner = Bar::spinner(context, "drawing the map");
    let places = place(rows.view(), args.seed, gathered.threads)?;
    let count = NonZeroUsize::new(default_count(rows.nrows())).unwrap_or(NonZeroUsize::MIN);
    let clusters = Clusters::find(rows.view(), count, args.seed, gathered.threads)?;
    drop(spinner);
    // 3. the answer
    let outcome = gathered.run.outcome();
    let images = clusters.members.iter().flatten().map(|&row| PlaceView {
        path: gathered.name(row),
        x: places[[row, 0]],
        y: places[[row, 1]],
        group: clusters.assignment[row] + 1,
        label: gathered.labels[row].clone(),
    });
    let images: Vec<_> = images.collect();
    let sheet = |gathered: &Gathered| {
        let views = (0..clusters.len()).map(|group| ClusterView::new(&clusters, group, gathered));
        let views: Vec<_> = views.collect();
        let point = |row: usize| MapPoint {
            words: match &gathered.labels[row] {
                Some(label) => format!("{}, {label}", gathered.name(row)),
                None => gathered.name(row),
            },
            path: gathered.images[row].path.clone(),
            place: [places[[row, 0]], places[[row, 1]]],
        };
        ContactSheet {
            title: "Map".to_owned(),
            remarks: vec![
                "Images near one another are alike. Distances between groups mean little."
                    .to_owned(),
                "The same images as a list follow, group by group.".to_owned(),
            ],
            map: (0..gathered.images.len()).map(point).collect(),
            sections: sections(&clusters, &views, gathered),
        }
    };
    let look = gathered.finish(sheet, context)?;
    context.show(&MapView {
        seed: args.seed,
        images,
        look,
    })?;
    Ok(outcome)
}

impl Answer for MapView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let row = |one: &PlaceView| {
            vec![
                one.group.to_string(),
                format!("{:.3}", one.x),
                format!("{:.3}", one.y),
                one.path.clone(),
                one.label.clone().unwrap_or_default(),
            ]
        };
        let rows: Vec<_> = self.images.iter().map(row).collect();
        page.table(&["GROUP", "X", "Y", "PATH", "LABEL"], &rows)?;
        self.look.write_text(page)
    }
}
