//! `hub outliers`

use std::fmt;

use hub_client::contact_sheet::{ContactSheet, Section};
use hub_client::explore::domain::Unlike;
use hub_client::explore::outliers::{NEAREST, Outlier, far_from_middle, unlike_others};
use serde::Serialize;

use super::gathered::{Gathered, LookView};
use crate::app::Outcome;
use crate::args::OutliersArgs;
use crate::commands::domain::{DomainView, fit_of};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page};

#[derive(Serialize)]
struct OutliersView {
    unlike_anything_else_here: Vec<OutlierView>,
    far_from_the_middle: Vec<OutlierView>,
    /// How the images lie in the extractor's domain; null when its release does not tell of it.
    domain_fit: Option<DomainView>,
    /// Of those unlike what the extractor was made for, the farthest; null likewise.
    unlike_the_domain: Option<Vec<StrangerView>>,
    #[serde(flatten)]
    look: LookView,
}

#[derive(Serialize)]
struct OutlierView {
    path: String,
    distance: f64,
    /// Divided by the median of all images; null when that is 0.
    times_typical: Option<f64>,
}

#[derive(Serialize)]
struct StrangerView {
    path: String,
    /// Divided by the distance that 99 of 100 of the publisher's images keep within.
    times_limit: f64,
}

pub(in crate::commands) fn outliers(
    args: &OutliersArgs,
    context: &Context,
) -> Result<Outcome, CommandError> {
    // 1. features
    let mut gathered = Gathered::find(&args.look, None, None, context)?;
    // 2. both rankings, and what the extractor's publisher says of its own images
    let count = args.count.get();
    let features = gathered.features.view();
    let mut unlike = unlike_others(features, gathered.distance, gathered.threads)?;
    let domain = fit_of(&gathered.chosen.installed, features)?;
    let mut far = far_from_middle(gathered.take_prepared().view())?;
    unlike.truncate(count);
    far.truncate(count);
    let mut strangers = domain.as_ref().map(|fit| fit.unlike.clone());
    strangers.iter_mut().for_each(|list| list.truncate(count));
    let name = gathered.chosen.installed.manifest().name.clone();
    let domain = domain.as_ref().map(DomainView::new);
    let domain_words = domain.as_ref().map(|domain| domain.words(&name));
    // 3. the answer
    let outcome = gathered.run.outcome();
    let view = |ranking: &[Outlier]| -> Vec<OutlierView> {
        let one = |one: &Outlier| OutlierView {
            path: gathered.name(one.row),
            distance: one.distance,
            times_typical: one.times_typical,
        };
        ranking.iter().map(one).collect()
    };
    let (unlike_view, far_view) = (view(&unlike), view(&far));
    let stranger = |one: &Unlike| StrangerView {
        path: gathered.name(one.row),
        times_limit: one.times_limit,
    };
    let strangers_view = strangers
        .as_ref()
        .map(|list| list.iter().map(stranger).collect());
    let sheet = |gathered: &Gathered| {
        let mut sections = vec![
            section(
                gathered,
                "Unlike anything else here",
                &unlike_words(),
                &unlike,
            ),
            section(gathered, "Far from the middle", FAR_WORDS, &far),
        ];
        if let (Some(strangers), Some(remark)) = (&strangers, domain_words) {
            sections.push(Section {
                heading: format!("Unlike what {name} was made for"),
                remark,
                tiles: strangers
                    .iter()
                    .map(|one| gathered.tile(one.row, vec![beyond_words(one.times_limit)]))
                    .collect(),
            });
        }
        ContactSheet {
            title: "Outliers".to_owned(),
            sections,
            ..ContactSheet::default()
        }
    };
    let look = gathered.finish(sheet, context)?;
    context.show(&OutliersView {
        unlike_anything_else_here: unlike_view,
        far_from_the_middle: far_view,
        domain_fit: domain,
        unlike_the_domain: strangers_view,
        look,
    })?;
    Ok(outcome)
}

const FAR_WORDS: &str = "how far from the mean of all images, in the directions in which they vary, is beside what is typical";

fn unlike_words() -> String {
    format!("how far the {NEAREST} nearest others are beside what is typical")
}

fn section(gathered: &Gathered, heading: &str, remark: &str, ranking: &[Outlier]) -> Section {
    Section {
        heading: heading.to_owned(),
        remark: remark.to_owned(),
        tiles: ranking
            .iter()
            .map(|one| gathered.tile(one.row, vec![words(one.times_typical)]))
            .collect(),
    }
}

fn beyond_words(times_limit: f64) -> String {
    format!("{times_limit:.1} times as far as 99 of 100 of its own")
}

fn words(times_typical: Option<f64>) -> String {
    match times_typical {
        Some(times) => format!("{times:.1} times as far as is typical"),
        None => "no farther than the others".to_owned(),
    }
}

impl Answer for OutliersView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let rankings = [
            (
                "unlike anything else here",
                unlike_words(),
                &self.unlike_anything_else_here,
            ),
            (
                "far from the middle",
                FAR_WORDS.to_owned(),
                &self.far_from_the_middle,
            ),
        ];
        for (index, (title, remark, ranking)) in rankings.into_iter().enumerate() {
            if index > 0 {
                page.line("")?;
            }
            page.line(format!("{}: {remark}", page.bold(title)))?;
            let row = |one: &OutlierView| {
                let times = one.times_typical;
                vec![
                    times.map_or("-".to_owned(), |times| format!("{times:.2}")),
                    one.path.clone(),
                ]
            };
            let rows: Vec<_> = ranking.iter().map(row).collect();
            page.table(&["TIMES", "PATH"], &rows)?;
        }
        self.write_domain(page)?;
        self.look.write_text(page)
    }
}

impl OutliersView {
    fn write_domain(&self, page: &mut Page) -> fmt::Result {
        let (Some(domain), Some(strangers)) = (&self.domain_fit, &self.unlike_the_domain) else {
            return Ok(());
        };
        page.line("")?;
        let title = page.bold("unlike the extractor's domain");
        let words = domain.words(&self.look.extractor.name);
        page.line(format!("{title}: {words}"))?;
        if strangers.is_empty() {
            return Ok(());
        }
        let row = |one: &StrangerView| vec![format!("{:.2}", one.times_limit), one.path.clone()];
        let rows: Vec<_> = strangers.iter().map(row).collect();
        page.table(&["TIMES", "PATH"], &rows)
    }
}
