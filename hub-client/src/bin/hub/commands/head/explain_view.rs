//! What `hub head explain` says, for people who know no machine learning.

use std::fmt;

use hub_client::head::TransformKind;
use registry_schema::digest::Digest;
use registry_schema::reference::Reference;
use serde::Serialize;

use super::labelled::shown;
use crate::commands::chosen::Because;
use crate::output::{Answer, Page, list, percent};

/// Dimensions that are named for each class and image; JSON has all.
const NAMED: usize = 6;

/// Dimensions below this share of the say are not named, except the weightiest that speaks for or against.
const LEAST_SHARE: f64 = 0.02;

#[derive(Serialize)]
pub(super) struct ExplainView {
    pub(super) head: String,
    pub(super) version: u32,
    pub(super) extractor: Reference,
    pub(super) extractor_chosen: Because,
    /// What is done to features before they are weighed.
    pub(super) transform: TransformKind,
    /// Dimensions the head reads.
    pub(super) dimension: usize,
    pub(super) has_names: bool,
    /// Labelled images that say how far dimensions vary.
    pub(super) images: usize,
    pub(super) classes: Vec<ClassView>,
    /// The image that was asked about.
    pub(super) image: Option<ImageView>,
}

#[derive(Serialize)]
pub(super) struct ClassView {
    pub(super) class: String,
    /// Dimensions of which more speaks for the class, the weightiest first.
    pub(super) speaks_for: Vec<DimensionView>,
    /// Dimensions of which more speaks against it.
    pub(super) speaks_against: Vec<DimensionView>,
    /// Dimensions that take back what the others say and would be counted twice.
    pub(super) takes_back: Vec<DimensionView>,
    /// Labelled images of the class that the head takes for it most surely.
    pub(super) surest: Vec<SeenView>,
    /// Those it takes for it least surely, the least first.
    pub(super) least_sure: Vec<SeenView>,
}

#[derive(Serialize)]
pub(super) struct DimensionView {
    pub(super) dimension: usize,
    pub(super) name: Option<String>,
    /// Weight beside the other classes', times the standard deviation over the labelled images, by the
    /// temperature.
    pub(super) effect: f64,
    /// Its part of what makes the scores of the labelled images differ, as a share of all dimensions', 0 to 1.
    pub(super) share: f64,
}

#[derive(Serialize)]
pub(super) struct SeenView {
    pub(super) image: Digest,
    pub(super) path: Option<String>,
    pub(super) probability: f32,
}

#[derive(Serialize)]
pub(super) struct ImageView {
    pub(super) path: String,
    pub(super) class: String,
    pub(super) probability: f32,
    pub(super) runner_up: String,
    pub(super) runner_up_probability: f32,
    pub(super) unlike_anything_shown: bool,
    /// How many times as probable the answer is as the runner-up: `odds_of_mean` times all factors.
    pub(super) odds: f64,
    /// What that is for the mean of the labelled images.
    pub(super) odds_of_mean: f64,
    /// One for each dimension, those farthest from 1 first.
    pub(super) factors: Vec<FactorView>,
    /// The labelled images that are most alike, nearest first.
    pub(super) nearest: Vec<NearView>,
}

#[derive(Serialize)]
pub(super) struct FactorView {
    pub(super) dimension: usize,
    pub(super) name: Option<String>,
    /// What it multiplies the odds by.
    pub(super) times: f64,
    /// How far the image is above the mean of the labelled images, in standard deviations.
    pub(super) deviations: Option<f64>,
    /// Whether it takes back what others say.
    pub(super) takes_back: bool,
}

#[derive(Serialize)]
pub(super) struct NearView {
    pub(super) image: Digest,
    pub(super) path: Option<String>,
    pub(super) label: String,
    /// Cosine distance as the head sees them, 0 to 2.
    pub(super) distance: f32,
}

impl Answer for ExplainView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        let title = format!("{}, version {}", self.head, self.version);
        page.line(page.bold(&title))?;
        let chosen = self.extractor_chosen.as_str();
        page.field("extractor", format!("{}, {chosen}", self.extractor))?;
        page.line("")?;
        if self.has_names {
            self.write_words(page)?;
        } else {
            self.write_examples(page)?;
        }
        match &self.image {
            Some(image) => image.write_text(self.has_names, page),
            None => Ok(()),
        }
    }
}

impl ExplainView {
    /// One sentence a class, and what the words mean.
    fn write_words(&self, page: &mut Page) -> fmt::Result {
        for one in &self.classes {
            page.line(one.sentence())?;
        }
        page.line("")?;
        page.line(match self.transform {
            TransformKind::CentredL2 => {
                "\"More\" is a larger part of all in which an image differs from the centre: the average of \
                 your images, drawn towards zero when they are few."
            }
            TransformKind::L2 => "\"More\" is a larger part of the image's features.",
            TransformKind::Standardise => {
                "\"More\" is more than in the average of your images, by how far these differ."
            }
            TransformKind::None => "\"More\" is a larger value.",
        })?;
        page.line(format!(
            "The shares say how much each does to tell your {} labelled images apart. What goes together \
             shares its say in any way: a small share does not mean that it does not matter, and none of \
             this says why things are so.",
            self.images
        ))?;
        if self
            .classes
            .iter()
            .any(|one| !one.named().corrections.is_empty())
        {
            page.line(
                "What \"takes back\" goes together with the others in your images and corrects what would be \
                 counted twice; by itself it speaks neither for a class nor against it.",
            )?;
        }
        Ok(())
    }

    /// What can be shown where there are no words.
    fn write_examples(&self, page: &mut Page) -> fmt::Result {
        let (count, extractor) = (self.dimension, &self.extractor);
        page.line(format!(
            "The {count} dimensions of {extractor} have no names, so what the head looks at cannot be \
             said in words."
        ))?;
        if self.classes.iter().all(|one| one.surest.is_empty()) {
            return page.line(
                "No labelled image is at hand to show instead: --images DIR says where they are now.",
            );
        }
        page.line(
            "Instead, your labelled images that it takes for their class most and least surely:",
        )?;
        for one in &self.classes {
            page.line("")?;
            page.line(page.bold(&one.class))?;
            page.field("most surely", seen(&one.surest))?;
            if !one.least_sure.is_empty() {
                page.field("least surely", seen(&one.least_sure))?;
            }
        }
        Ok(())
    }
}

fn seen(images: &[SeenView]) -> String {
    list(images.iter().map(|one| {
        let probability = percent(f64::from(one.probability));
        format!("{} ({probability})", shown(one.path.as_deref(), &one.image))
    }))
}

/// Dimensions that are named, each with the word in front of it.
struct Named<'a> {
    reasons: Vec<(&'a str, &'a DimensionView)>,
    /// Those that take back.
    corrections: Vec<(&'a str, &'a DimensionView)>,
}

impl ClassView {
    /// "More red (61 %) and less blurred (20 %) speak for passport; noise (10 %) takes some of it back; 3
    /// others have 9 %."
    fn sentence(&self) -> String {
        let Named {
            reasons,
            corrections,
        } = self.named();
        let class = &self.class;
        if reasons.is_empty() {
            return format!("Nothing that has a name speaks for {class} by itself.");
        }
        let parts = |named: &[(&str, &DimensionView)]| {
            let part = |(word, one): &(&str, &DimensionView)| {
                let name = one.name.as_deref().unwrap_or("?");
                format!("{word}{name} ({:.0} %)", one.share * 100.0)
            };
            and(&named.iter().map(part).collect::<Vec<_>>())
        };
        let speak = match reasons.len() {
            1 => "speaks",
            _ => "speak",
        };
        let mut sentence = format!("{} {speak} for {class}", parts(&reasons));
        if !corrections.is_empty() {
            let take = match corrections.len() {
                1 => "takes",
                _ => "take",
            };
            sentence = format!("{sentence}; {} {take} some of it back", parts(&corrections));
        }
        let named = || reasons.iter().chain(&corrections);
        let left: f64 = 1.0 - named().map(|(_, one)| one.share).sum::<f64>();
        match self.all().count() - named().count() {
            _ if left < 0.005 => {}
            1 => sentence = format!("{sentence}; one other has {:.0} %", left * 100.0),
            others => sentence = format!("{sentence}; {others} others have {:.0} %", left * 100.0),
        }
        capitalised(&format!("{sentence}."))
    }

    /// The weightiest of both kinds together, and the weightiest reason in any case.
    fn named(&self) -> Named<'_> {
        let (mut reasons, mut corrections): (Vec<_>, Vec<_>) =
            self.all().partition(|(word, _)| !word.is_empty());
        for kind in [&mut reasons, &mut corrections] {
            kind.sort_by(|(_, one), (_, other)| other.share.total_cmp(&one.share));
        }
        let mut shares: Vec<f64> = self.all().map(|(_, one)| one.share).collect();
        shares.sort_by(|one, other| other.total_cmp(one));
        let least = shares.get(NAMED - 1).copied().unwrap_or_default();
        let is_named = |one: &DimensionView| one.share >= least.max(LEAST_SHARE);
        let count = reasons.iter().filter(|(_, one)| is_named(one)).count();
        reasons.truncate(count.clamp(1, NAMED));
        corrections.retain(|(_, one)| is_named(one));
        corrections.truncate(NAMED - reasons.len().min(NAMED));
        Named {
            reasons,
            corrections,
        }
    }

    fn all(&self) -> impl Iterator<Item = (&str, &DimensionView)> {
        let groups = [
            ("more ", &self.speaks_for),
            ("less ", &self.speaks_against),
            ("", &self.takes_back),
        ];
        groups
            .into_iter()
            .flat_map(|(word, group)| group.iter().map(move |one| (word, one)))
    }
}

impl ImageView {
    fn write_text(&self, has_names: bool, page: &mut Page) -> fmt::Result {
        let (class, runner_up) = (&self.class, &self.runner_up);
        let [own, other] = [self.probability, self.runner_up_probability];
        page.line("")?;
        page.line(page.bold(&self.path))?;
        page.field(
            "answer",
            format!(
                "{class} {}, then {runner_up} {}",
                percent(f64::from(own)),
                percent(f64::from(other))
            ),
        )?;
        if self.unlike_anything_shown {
            page.field("BUT", "the image is unlike anything shown in training")?;
        }
        if has_names {
            page.line("")?;
            self.write_factors(page)?;
        }
        if self.nearest.is_empty() {
            return Ok(());
        }
        page.line("")?;
        let row = |one: &NearView| {
            vec![
                shown(one.path.as_deref(), &one.image),
                one.label.clone(),
                format!("{:.4}", one.distance),
            ]
        };
        let rows: Vec<_> = self.nearest.iter().map(row).collect();
        page.table(&["MOST ALIKE", "LABEL", "DISTANCE"], &rows)
    }

    /// What each dimension does to the odds; the rows multiply to the last.
    fn write_factors(&self, page: &mut Page) -> fmt::Result {
        let named = &self.factors[..self.factors.len().min(NAMED)];
        let rest = &self.factors[named.len()..];
        let row = |one: &FactorView| {
            let here = one.deviations.map(|by| {
                let word = if by < 0.0 { "less" } else { "more" };
                let takes_back = if one.takes_back { ", takes back" } else { "" };
                format!("{word} ({by:+.1}){takes_back}")
            });
            vec![
                one.name.clone().unwrap_or_else(|| "?".to_owned()),
                here.unwrap_or_default(),
                times(one.times),
            ]
        };
        let plain = |name: String, factor: f64| vec![name, String::new(), times(factor)];
        let mut rows = vec![plain(
            "your images on average".to_owned(),
            self.odds_of_mean,
        )];
        rows.extend(named.iter().map(row));
        if !rest.is_empty() {
            let product: f64 = rest.iter().map(|one| one.times).product();
            rows.push(plain(format!("{} others together", rest.len()), product));
        }
        rows.push(plain("all multiplied".to_owned(), self.odds));
        let title = format!("{} RATHER THAN {}", self.class, self.runner_up);
        page.table(&["WHAT", "HERE", &title], &rows)?;
        page.line("(in brackets: how many times the usual distance from the average)")
    }
}

/// "2.4 times as likely", or the other way round.
fn times(factor: f64) -> String {
    let number = |factor: f64| match factor {
        large if large >= 1e6 => format!("{large:.0e}"),
        large if large >= 100.0 => format!("{large:.0}"),
        small => format!("{small:.2}"),
    };
    if factor >= 1.0 {
        format!("{} times as likely", number(factor))
    } else {
        format!("{} times less likely", number(1.0 / factor))
    }
}

/// "a", "a and b", "a, b and c".
fn and(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimension(dimension: usize, name: &str, share: f64) -> DimensionView {
        DimensionView {
            dimension,
            name: Some(name.to_owned()),
            effect: share,
            share,
        }
    }

    fn class(speaks_for: Vec<DimensionView>, speaks_against: Vec<DimensionView>) -> ClassView {
        ClassView {
            class: "passport".to_owned(),
            speaks_for,
            speaks_against,
            takes_back: Vec::new(),
            surest: Vec::new(),
            least_sure: Vec::new(),
        }
    }

    #[test]
    fn a_sentence_names_what_counts_and_says_what_is_left() {
        let one = class(
            vec![dimension(0, "red", 0.61), dimension(3, "lines", 0.18)],
            vec![dimension(1, "blur", 0.2), dimension(2, "noise", 0.01)],
        );
        assert_eq!(
            one.sentence(),
            "More red (61 %), less blur (20 %) and more lines (18 %) speak for passport; one other has 1 %."
        );
        let two = ClassView {
            takes_back: vec![dimension(1, "contrast", 0.1), dimension(2, "size", 0.05)],
            ..class(vec![dimension(0, "red", 0.85)], Vec::new())
        };
        assert_eq!(
            two.sentence(),
            "More red (85 %) speaks for passport; contrast (10 %) and size (5 %) take some of it back."
        );
        let only = class(vec![dimension(0, "red", 1.0)], Vec::new());
        assert_eq!(only.sentence(), "More red (100 %) speaks for passport.");
        let hidden = ClassView {
            takes_back: (2..9)
                .map(|index| dimension(index, "light", 0.14))
                .collect(),
            ..class(
                vec![dimension(0, "red", 0.016), dimension(1, "blur", 0.005)],
                Vec::new(),
            )
        };
        assert!(
            hidden
                .sentence()
                .starts_with("More red (2 %) speaks for passport; light (14 %), light"),
            "{}",
            hidden.sentence()
        );
        assert_eq!(hidden.named().corrections.len(), NAMED - 1);
        assert_eq!(
            class(Vec::new(), Vec::new()).sentence(),
            "Nothing that has a name speaks for passport by itself."
        );
    }

    #[test]
    fn factors_read_both_ways() {
        let words = [1.0, 2.4, 0.25, 1234.0, 1e-9].map(times);
        assert_eq!(
            words,
            [
                "1.00 times as likely",
                "2.40 times as likely",
                "4.00 times less likely",
                "1234 times as likely",
                "1e9 times less likely",
            ]
        );
    }
}
