//! `hub show`

use std::fmt;

use hub_client::causes::with_causes;
use hub_client::log_view::LogView;
use hub_client::logged;
use hub_client::members_say;
use registry_schema::api::{ReleaseDetail, ReleaseSummary};
use registry_schema::manifest::CARD_FILE;
use registry_schema::name::MemberName;
use registry_schema::reference::Reference;
use registry_schema::statement::YankStatement;
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::verify::{
    Asked, VerifiedRelease, current_yank, verify_recorded_yank, verify_release,
};
use serde::Serialize;

use super::chosen::Chosen;
use super::members_view::{AdvisoryView, EvaluationView, write_advisories, write_evaluations};
use super::release_view::ReleaseView;
use crate::app::Outcome;
use crate::args::ShowArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, list, size, time};

#[derive(Serialize)]
struct ShowView {
    #[serde(flatten)]
    release: ReleaseView,
    installed: bool,
    /// Members' warnings that stand, worst first.
    advisories: Vec<AdvisoryView>,
    /// Members' evaluations, each member's in order.
    evaluations: Vec<EvaluationView>,
    /// When the hub was asked for them (RFC 3339, UTC), when it was not asked now.
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluations_heard_at: Option<String>,
    /// What members said and nobody can judge, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
    /// The hub's own list, not signed as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    listing: Option<ListingView>,
}

#[derive(Serialize)]
struct ListingView {
    owners: Vec<MemberName>,
    threshold: usize,
    releases: Vec<ReleaseSummary>,
}

#[derive(Serialize)]
struct CardView {
    reference: String,
    readme: String,
}

pub(super) async fn show(args: &ShowArgs, context: &Context) -> Result<Outcome, CommandError> {
    // Without a hub, what is installed is all there is to show.
    let is_alone = context.is_offline()
        || (context.hub()?.is_none() && Chosen::find(&args.reference, context).is_ok());
    if is_alone {
        return show_installed(args, context);
    }
    // 1. what the hub says
    let registry = context.registry("show")?;
    let (trust, log) = context.contact(&registry).await?;
    let answer = registry.release(&args.reference).await?;
    // 2. what its owners signed
    let (release, yank) = verify(&args.reference, &answer, &trust.root, &log).await?;
    if args.readme {
        let file = release.file(CARD_FILE).ok_or_else(|| no_card(&release))?;
        let bytes = registry
            .small_blob(&release.manifest().name, &file.digest, file.size_bytes)
            .await?;
        return show_card(&release, &String::from_utf8_lossy(&bytes), context);
    }
    // 3. what members say of it, signed by each
    let advisories =
        members_say::release_advisories(&release, &registry, &trust.root, &log).await?;
    let evaluations = members_say::evaluations(&release, &registry, &trust.root, &log).await?;
    let left_out: Vec<String> = advisories
        .left_out
        .iter()
        .chain(evaluations.left_out())
        .map(ToString::to_string)
        .collect();
    for line in &left_out {
        context.report().warn(line);
    }
    if let Err(error) = members_say::keep_evaluations(&context.store(), &release, &evaluations) {
        let line = format!("what members say is not kept: {}", with_causes(&error));
        context.report().detail(&line);
    }
    // 4. what else there is of this name
    let detail = registry.extractor(&release.manifest().name).await?;
    let listing = ListingView {
        owners: detail.owners,
        threshold: detail.threshold,
        releases: detail.releases,
    };
    let installed = context.store().list()?.iter().any(|(name, version)| {
        *name == release.manifest().name && *version == release.manifest().version
    });
    context.show(&ShowView {
        release: ReleaseView::new(&release, yank.as_ref()),
        installed,
        advisories: advisories.open.iter().map(AdvisoryView::from).collect(),
        evaluations: evaluations.counting().map(EvaluationView::from).collect(),
        evaluations_heard_at: None,
        left_out,
        listing: Some(listing),
    })?;
    Ok(Outcome::Done)
}

fn show_installed(args: &ShowArgs, context: &Context) -> Result<Outcome, CommandError> {
    let chosen = Chosen::find(&args.reference, context)?;
    let installed = &chosen.installed;
    if args.readme {
        return show_card(installed.release(), &installed.card()?, context);
    }
    let trust_root = &chosen.trust.root;
    let remembered =
        members_say::remembered_evaluations(&context.store(), installed.release(), trust_root);
    let evaluations = remembered.iter().flat_map(|one| &one.evaluations);
    let incomplete = remembered.iter().flat_map(|one| &one.incomplete);
    let left_out: Vec<String> = incomplete
        .map(|member| format!("some evaluations by {member} are left out: nobody can judge them"))
        .collect();
    for line in &left_out {
        context.report().warn(line);
    }
    let release = ReleaseView::new(installed.release(), installed.yanked());
    context.show(&ShowView {
        release,
        installed: true,
        advisories: Vec::new(),
        evaluations: evaluations.map(EvaluationView::from).collect(),
        evaluations_heard_at: remembered.as_ref().map(|one| one.heard_at.clone()),
        left_out,
        listing: None,
    })?;
    Ok(Outcome::Done)
}

/// What was signed, under the trust root.
async fn verify(
    reference: &Reference,
    answer: &ReleaseDetail,
    trust_root: &ConsortiumRoot,
    log: &LogView,
) -> Result<(VerifiedRelease, Option<YankStatement>), CommandError> {
    let (statement, yanks) = logged::of_release(log, answer).await?;
    let release = verify_release(
        trust_root,
        &Asked::Reference(reference),
        statement.envelope.as_bytes(),
        statement.index,
    )?;
    let yanks = yanks
        .iter()
        .map(|yank| {
            verify_recorded_yank(trust_root, &release, yank.envelope.as_bytes(), yank.index)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let yank = current_yank(&yanks)?.cloned();
    Ok((release, yank))
}

fn no_card(release: &VerifiedRelease) -> CommandError {
    let (reference, path) = (release.reference(), CARD_FILE.to_owned());
    CommandError::Pull(hub_client::pull::PullError::NoSuchFile { reference, path })
}

fn show_card(
    release: &VerifiedRelease,
    text: &str,
    context: &Context,
) -> Result<Outcome, CommandError> {
    context.show(&CardView {
        reference: release.reference().to_string(),
        readme: text.to_owned(),
    })?;
    Ok(Outcome::Done)
}

impl Answer for ShowView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        self.release.write_text(page)?;
        page.line("")?;
        page.field("installed", if self.installed { "yes" } else { "no" })?;
        write_advisories(page, &self.advisories)?;
        if let Some(heard_at) = &self.evaluations_heard_at {
            let words = format!("{}: what members said until then", time(heard_at));
            page.field("heard at", words)?;
        }
        let Some(listing) = &self.listing else {
            return write_evaluations(page, &self.evaluations);
        };
        page.field(
            "owners",
            format!(
                "{} ({} must sign)",
                list(&listing.owners),
                listing.threshold
            ),
        )?;
        page.line("")?;
        let row = |one: &ReleaseSummary| {
            let yanked = one
                .yanked
                .as_ref()
                .map_or_else(String::new, |yank| format!("yanked: {}", yank.reason));
            vec![
                one.version.to_string(),
                one.dimension.to_string(),
                size(one.size_bytes),
                one.published_at.clone(),
                list(&one.signers),
                yanked,
            ]
        };
        let rows: Vec<_> = listing.releases.iter().map(row).collect();
        page.table(
            &["RELEASE", "DIMENSION", "SIZE", "PUBLISHED", "SIGNED BY", ""],
            &rows,
        )?;
        write_evaluations(page, &self.evaluations)
    }
}

impl Answer for CardView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(printable(self.readme.trim_end()))
    }
}

/// A card is written by strangers: what would steer the terminal is left out.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|&c| c == '\n' || c == '\t' || !c.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_does_not_steer_the_terminal() {
        assert_eq!(printable("# a\n\x1b[31mred\x07\tb\r"), "# a\n[31mred\tb");
    }
}
