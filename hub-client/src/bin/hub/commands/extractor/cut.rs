//! `hub extractor cut`

use std::fmt;

use hub_client::forge::{
    Bench, Candidate, Cut, CutRequest, GraphFile, ImageInput, Pool, Probes, candidates, image_input,
};
use serde::Serialize;

use super::{MadeView, about, folder, input, note_next};
use crate::app::Outcome;
use crate::args::CutArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};
use crate::progress::Bar;

#[derive(Serialize)]
struct CandidatesView {
    graph: String,
    input: ImageInput,
    candidates: Vec<CandidateView>,
}

#[derive(Serialize)]
struct CandidateView {
    #[serde(flatten)]
    candidate: Candidate,
    good_for: &'static str,
}

#[derive(Serialize)]
struct CutView {
    #[serde(flatten)]
    made: MadeView,
    parts: Vec<PartView>,
    nodes_before: usize,
    nodes_kept: usize,
}

#[derive(Serialize)]
struct PartView {
    tensor: String,
    pool: Pool,
    dimension: u64,
}

pub(super) fn cut(args: &CutArgs, context: &Context) -> Result<Outcome, CommandError> {
    let graph = GraphFile::open(&args.file)?;
    let worker = context.worker()?;
    let bench = Bench {
        scratch: &context.folders().cache,
        worker: &worker,
    };
    match &args.name {
        Some(name) if !args.at.is_empty() => {
            let about = about(&args.about, name);
            let folder = folder(args.about.output.as_ref(), name, "");
            let image = image_input(&graph, &args.at)?;
            let input = input::preprocessing(args, &image, context)?;
            // The network may leave the size open, and the usual JSON says it.
            let said = args.picture.from_preprocessor_config.is_some();
            let size = args.size.or(said.then_some((input.width, input.height)));
            let probes = args.probes.clone().map_or(Probes::Drawn, Probes::Folder);
            let request = CutRequest {
                at: &args.at,
                pool: args.pool,
                is_channels_last: args.channels_last.then_some(true),
                input: &input,
                size,
                allows_control_flow: args.control_flow,
                about: &about,
                probes: &probes,
                folder: &folder,
            };
            let spinner = Bar::spinner(context, "cutting");
            let cut = hub_client::forge::cut(&graph, &request, bench)?;
            drop(spinner);
            context.show(&CutView::new(&cut))?;
            note_next(&cut.made, context);
        }
        _ => {
            let spinner = Bar::spinner(context, "looking");
            let (input, found) = candidates(&graph, args.size, bench)?;
            drop(spinner);
            context.show(&CandidatesView {
                graph: args.file.display().to_string(),
                input,
                candidates: found.into_iter().map(CandidateView::new).collect(),
            })?;
            context.report().note(
                "next: the same with --at TENSOR --name NAME --license SPDX, and the network's preprocessing",
            );
        }
    }
    Ok(Outcome::Done)
}

impl CandidateView {
    fn new(candidate: Candidate) -> Self {
        let good_for = candidate.role.good_for();
        Self {
            candidate,
            good_for,
        }
    }
}

impl CutView {
    fn new(cut: &Cut) -> Self {
        let part = |(tensor, pool, dimension): &(String, Pool, u64)| PartView {
            tensor: tensor.clone(),
            pool: *pool,
            dimension: *dimension,
        };
        Self {
            made: MadeView::new(&cut.made),
            parts: cut.parts.iter().map(part).collect(),
            nodes_before: cut.nodes.0,
            nodes_kept: cut.nodes.1,
        }
    }
}

impl Answer for CandidatesView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let side =
            |side: Option<u32>| side.map_or_else(|| "any".to_owned(), |side| side.to_string());
        let ImageInput {
            tensor,
            width,
            height,
            channels,
            ..
        } = &self.input;
        page.field(
            "pictures",
            format!(
                "`{tensor}`: {} × {} pixels, {channels} channels",
                side(*width),
                side(*height)
            ),
        )?;
        let rows: Vec<Vec<String>> = self
            .candidates
            .iter()
            .map(
                |CandidateView {
                     candidate,
                     good_for,
                 }| {
                    let sides: Vec<String> = candidate.shape.iter().map(u64::to_string).collect();
                    vec![
                        candidate.tensor.clone(),
                        sides.join("×"),
                        candidate.pool.to_string(),
                        candidate.dimension.to_string(),
                        (*good_for).to_owned(),
                    ]
                },
            )
            .collect();
        page.table(&["TENSOR", "SHAPE", "POOL", "FEATURES", "GOOD FOR"], &rows)
    }
}

impl Answer for CutView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        self.made.write_text(page)?;
        for part in &self.parts {
            page.field(
                "cut at",
                format!(
                    "{}, {}: {} features",
                    part.tensor, part.pool, part.dimension
                ),
            )?;
        }
        page.field(
            "nodes",
            format!("{} of {} kept", self.nodes_kept, self.nodes_before),
        )
    }
}
