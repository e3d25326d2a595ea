//! `hub new`, `hub check`: the author's folder.

use std::fmt;

use hub_client::publish::{self, AuthorFolder, CheckReport, PredecessorRelease};
use registry_schema::name::Name;
use registry_schema::onnx::{Finding, Inspection};
use registry_schema::reference::Reference;
use registry_schema::trust_root::{NOT_LOGGED, TrustRoot};
use semver::Version;
use serde::Serialize;

use super::statistics::{self, StatisticsView};
use crate::app::Outcome;
use crate::args::{CheckArgs, NewArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, size};
use crate::progress::Bar;

#[derive(Serialize)]
struct NewView {
    name: Name,
    manifest: String,
}

pub(super) fn new(args: &NewArgs, context: &Context) -> Result<Outcome, CommandError> {
    let input = args
        .from_preprocessor_config
        .as_deref()
        .map(publish::import_preprocessor_config)
        .transpose()?;
    let manifest = publish::scaffold(&args.folder, &args.name, input)?;
    context.show(&NewView {
        name: args.name.clone(),
        manifest: manifest.display().to_string(),
    })?;
    let folder = args.folder.display();
    context.report().note(&format!(
        "next: put the network into {folder}/model.onnx and PNG images into {folder}/probes, fill in the two texts, then `hub check {folder}`"
    ));
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct CheckView {
    reference: Reference,
    size_bytes: u64,
    probes: usize,
    predecessor: PredecessorView,
    /// What the images are like on the whole that it is meant for; null when the release will not say.
    statistics: Option<StatisticsView>,
    inspection: Inspection,
}

/// What became of the comparison with the release before.
#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum PredecessorView {
    /// They agree.
    Agrees {
        version: Version,
        worst_cosine: Option<f64>,
    },
    /// The hub has none in this feature space.
    None,
    /// Nobody was asked.
    NotCompared { because: &'static str },
}

pub(super) async fn check(args: CheckArgs, context: &Context) -> Result<Outcome, CommandError> {
    // 1. the folder
    let mut folder = AuthorFolder::open(&args.folder)?;
    let images = args.statistics.as_deref().map(statistics::images);
    let images = images.transpose()?;
    if images.is_some() {
        folder.forget_statistics();
    }
    // 2. the release before, when there is somebody to ask
    let predecessor = find_predecessor(&args, &folder, context).await?;
    // 3. the graph, the probes, the promise
    let spinner = Bar::spinner(context, "checking");
    let release = predecessor.as_ref().ok().and_then(Option::as_ref);
    let mut report = publish::check(&mut folder, release, &context.worker()?)?;
    drop(spinner);
    // 4. what the images are like that it is meant for
    let mut outcome = Outcome::Done;
    let statistics = match images {
        Some(images) => {
            let (view, size_bytes) = statistics::make(&mut folder, &images, context)?;
            report.size_bytes += size_bytes;
            outcome = view.outcome();
            Some(view)
        }
        None => folder.statistics()?.as_ref().map(StatisticsView::new),
    };
    let manifest = folder.manifest();
    let predecessor = match predecessor {
        Err(because) => PredecessorView::NotCompared { because },
        Ok(_) => compared(&report),
    };
    context.show(&CheckView {
        reference: Reference::exact(manifest.name.clone(), manifest.version.clone()),
        size_bytes: report.size_bytes,
        probes: report.probes,
        predecessor,
        statistics,
        inspection: report.inspection,
    })?;
    // 5. whether anybody may publish under this name, as far as it is known here
    if let Ok(kept) = context.kept_trust()
        && let Err(error) = kept.root.ownership(&manifest.name, NOT_LOGGED)
    {
        let line = format!("nobody can publish it under this name now: {error}");
        context.report().warn(&line);
    }
    Ok(outcome)
}

/// The release before; an `Err` inside says why nobody was asked.
async fn find_predecessor(
    args: &CheckArgs,
    folder: &AuthorFolder,
    context: &Context,
) -> Result<Result<Option<PredecessorRelease>, &'static str>, CommandError> {
    if args.no_predecessor {
        return Ok(Err("--no-predecessor"));
    }
    if context.is_offline() {
        return Ok(Err("the network is switched off"));
    }
    if context.hub()?.is_none() {
        return Ok(Err("no hub is configured"));
    }
    let registry = context.registry("check")?;
    let (trust, log) = context.contact(&registry).await?;
    Ok(Ok(PredecessorRelease::find(
        &registry,
        &trust.root,
        &log,
        folder.manifest(),
    )
    .await?))
}

fn compared(report: &CheckReport) -> PredecessorView {
    match &report.predecessor {
        Some((version, _)) => PredecessorView::Agrees {
            version: version.clone(),
            worst_cosine: report.worst_cosine(),
        },
        None => PredecessorView::None,
    }
}

/// What a reviewer should look at.
fn words(finding: &Finding) -> String {
    let named =
        |what: &str, count: u64, names: &[String]| format!("{count} {what}: {}", list(names));
    match finding {
        Finding::SelectionAroundTrunk { output, nodes } => format!(
            "`{output}` is decided by a selection around the network: {}",
            list(nodes)
        ),
        Finding::PathAroundTrunk { output } => {
            format!("the input reaches `{output}` around the network")
        }
        Finding::ScalarComparison { nodes, count } => {
            named("comparisons with a constant", *count, nodes)
        }
        Finding::UnusedInitializers { names, count, .. } => {
            named("stored tensors that nothing reads", *count, names)
        }
        Finding::ConstantOutput { output } => format!("`{output}` does not depend on the input"),
        Finding::ControlFlow { nodes, count } => {
            named("nodes that run other graphs", *count, nodes)
        }
        other => format!("{other:?}"),
    }
}

impl Answer for NewView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(format!("{} starts in {}", self.name, self.manifest))
    }
}

impl Answer for CheckView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{} can be published", self.reference)))?;
        let inspection = &self.inspection;
        let graph = format!(
            "{} nodes, {} parameters",
            inspection.node_count, inspection.parameter_count
        );
        page.field("graph", graph)?;
        for finding in &inspection.findings {
            page.field("look at", words(finding))?;
        }
        page.field(
            "probes",
            format!(
                "{} run, vectors written to probes/vectors.json",
                self.probes
            ),
        )?;
        let predecessor = match &self.predecessor {
            PredecessorView::Agrees {
                version,
                worst_cosine: Some(cosine),
            } => {
                format!("{version} agrees, cosine at least {cosine:.6}")
            }
            PredecessorView::Agrees {
                version,
                worst_cosine: None,
            } => format!("{version} agrees"),
            PredecessorView::None => "none: the first release of its feature space".to_owned(),
            PredecessorView::NotCompared { because } => format!("NOT COMPARED: {because}"),
        };
        page.field("predecessor", predecessor)?;
        if let Some(statistics) = &self.statistics {
            statistics.write_text(page)?;
        }
        page.field("size", size(self.size_bytes))
    }
}
