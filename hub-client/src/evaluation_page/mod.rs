//! How good a head is, as one HTML file for people: figures in words first, and the pictures behind them.
//!
//! The page needs no network, no other file and no script; its policy forbids them. The cells of the
//! confusion matrix are links to the pictures that were counted there. It can be printed, and read on a
//! small screen and in the dark.
//!
//! *Is it safe to hand on?* It holds small versions of the pictures and the names of their files. Whoever
//! gets it sees the pictures.

mod curve;
mod galleries;
mod matrix;
mod style;
mod words;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use self::galleries::Galleries;
use crate::contact_sheet::{Escaped, Page, Previews};
use crate::files::{Destination, FileError};
use crate::head::Answered;
use crate::head::metrics::{ClassMetrics, Interval, Metrics, Reliability};
use crate::head::{Evaluation, HeldOut};
use crate::runtime::thumbnail::Thumbnail;

/// What the page is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationPage {
    /// The heading.
    pub title: String,
    /// What to know of the head and the images: a name and a value each.
    pub facts: Vec<(String, String)>,
    /// What speaks against relying on the figures, a sentence each.
    pub warnings: Vec<String>,
    /// The names of the classes, K.
    pub classes: Vec<String>,
    /// The figures.
    pub figures: PageFigures,
    /// What was said of each image.
    pub images: Vec<JudgedImage>,
}

/// The figures of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct PageFigures {
    /// How many images.
    pub images: usize,
    /// How they were measured, a sentence; empty for images that the head has not learnt from.
    pub how: String,
    /// How often each image was predicted.
    pub repeats: usize,
    /// Share that was right, 0 to 1.
    pub accuracy: f64,
    /// Where that lies on many such images, 9 times in 10.
    pub accuracy_interval: Interval,
    /// Mean recall of the classes.
    pub balanced_accuracy: f64,
    /// Mean log loss.
    pub log_loss: f64,
    /// How far the probabilities are from what came true.
    pub reliability: Reliability,
    /// What comes of not always answering; none when it was not measured.
    pub answered: Option<Answered>,
    /// For each class the probability from which it is plausible; none when there are no limits.
    pub plausible_from: Option<Vec<f64>>,
    /// Figures of each class, K.
    pub classes: Vec<ClassMetrics>,
}

/// What a head said of an image whose class is known.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedImage {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its class, an index.
    pub truth: usize,
    /// The most probable class, an index.
    pub likeliest: usize,
    /// Its probability.
    pub probability: f32,
    /// The classes that cannot be ruled out, most probable first.
    pub plausible: Vec<usize>,
    /// Whether it is unlike the labelled images.
    pub is_unlike: bool,
    /// The labelled images nearest to it, nearest first.
    pub nearest: Vec<NearestImage>,
}

/// A labelled image that is near.
#[derive(Clone, Debug, PartialEq)]
pub struct NearestImage {
    /// Its class, an index.
    pub class: usize,
    /// What it is called and where it is; none when it is not among the images at hand.
    pub file: Option<(String, PathBuf)>,
}

impl PageFigures {
    /// Of images that the head has not learnt from.
    pub fn of_evaluation(evaluation: &Evaluation<'_>, plausible_from: Option<Vec<f64>>) -> Self {
        let Metrics {
            images,
            accuracy,
            accuracy_interval,
            balanced_accuracy,
            log_loss,
            classes,
            ..
        } = evaluation.metrics.clone();
        Self {
            images,
            how: String::new(),
            repeats: 1,
            accuracy,
            accuracy_interval,
            balanced_accuracy,
            log_loss,
            reliability: evaluation.reliability.clone(),
            answered: Some(evaluation.answered.clone()),
            plausible_from,
            classes,
        }
    }

    /// Of images that were held out in turn while a head of these classes was trained.
    pub fn of_held_out(
        held_out: &HeldOut,
        classes: &[String],
        plausible_from: Option<Vec<f64>>,
    ) -> Self {
        Self {
            images: held_out.images,
            how: held_out.how.clone(),
            repeats: held_out.repeats,
            accuracy: held_out.accuracy,
            accuracy_interval: held_out.accuracy_interval,
            balanced_accuracy: held_out.balanced_accuracy,
            log_loss: held_out.log_loss,
            reliability: held_out.reliability.clone(),
            answered: held_out.answered.clone(),
            plausible_from,
            classes: held_out.classes(classes),
        }
    }
}

impl JudgedImage {
    fn is_right(&self) -> bool {
        self.truth == self.likeliest
    }
}

impl EvaluationPage {
    /// Writes the page; it appears when it is whole. A picture that cannot be read is said to be so.
    /// `make` gives the small version of each file it is given, in their order.
    ///
    /// # Errors
    /// What `make` returns, or [`FileError`].
    pub fn write<E: From<FileError>>(
        &self,
        destination: &Destination,
        make: impl FnMut(&[&Path]) -> Result<Vec<Option<Thumbnail>>, E>,
    ) -> Result<(), E> {
        let galleries = Galleries::of(self);
        let paths = galleries.paths();
        let mut previews = Previews::new(&paths, make);
        let mut page = Page::start(destination, &self.title, style::RULES)?;
        self.write_words(&mut page)?;
        matrix::write(self, &mut page)?;
        galleries.write_cells(&mut page, || previews.next())?;
        self.write_classes(&mut page)?;
        curve::write(&self.figures, &mut page)?;
        galleries.write_lists(&mut page, || previews.next())?;
        page.put(format_args!("<footer>\n"))?;
        page.paragraph(
            "This file holds small versions of the pictures and the names of their files. It asks \
             nothing of any other computer.",
        )?;
        page.put(format_args!("</footer>\n"))?;
        Ok(page.commit()?)
    }

    /// What matters, in sentences; then what was looked at.
    fn write_words(&self, page: &mut Page<'_>) -> Result<(), FileError> {
        page.put(format_args!(
            "<p class=\"lead\">{}</p>\n",
            Escaped(&words::accuracy(&self.figures))
        ))?;
        for sentence in words::further(&self.figures, &self.classes, &self.images) {
            page.paragraph(&sentence)?;
        }
        for warning in &self.warnings {
            page.put(format_args!(
                "<p class=\"warning\"><strong>Beware:</strong> {}</p>\n",
                Escaped(warning)
            ))?;
        }
        page.put(format_args!("<dl>\n"))?;
        let figures = &self.figures;
        let more = [
            (
                "mean recall of the classes",
                words::percent(figures.balanced_accuracy),
            ),
            ("log loss", format!("{:.4}", figures.log_loss)),
        ];
        let more = more.map(|(name, value)| (name.to_owned(), value));
        for (name, value) in self.facts.iter().chain(&more) {
            let (name, value) = (Escaped(name), Escaped(value));
            page.put(format_args!("<div><dt>{name}</dt><dd>{value}</dd></div>\n"))?;
        }
        page.put(format_args!("</dl>\n"))
    }

    /// One row for each class.
    fn write_classes(&self, page: &mut Page<'_>) -> Result<(), FileError> {
        page.put(format_args!(
            "<h2 id=\"classes\">Class by class</h2>\n<div class=\"wide\" role=\"region\" \
             aria-label=\"Class by class\" tabindex=\"0\">\n<table>\n<thead><tr><th scope=\"col\">class</th>\
             <th scope=\"col\">images</th><th scope=\"col\">found</th><th scope=\"col\">right when named</th>\
             <th scope=\"col\">not ruled out</th><th scope=\"col\">plausible from</th></tr></thead>\n<tbody>\n"
        ))?;
        let coverage = self.figures.answered.as_ref();
        for (index, class) in self.figures.classes.iter().enumerate() {
            let name = Escaped(&class.class);
            let images = class.images;
            let found = words::with_interval(class.recall, class.recall_interval);
            let named = words::with_interval(class.precision, class.precision_interval);
            let covered = coverage
                .and_then(|answered| *answered.coverage_per_class.get(index)?)
                .map_or_else(|| "–".to_owned(), words::percent);
            let limits = self.figures.plausible_from.as_ref();
            let limit = limits.and_then(|limits| limits.get(index).copied());
            let limit = limit.map_or_else(|| "–".to_owned(), words::percent);
            page.put(format_args!(
                "<tr><th scope=\"row\">{name}</th><td>{images}</td><td>{found}</td><td>{named}</td>\
                 <td>{covered}</td><td>{limit}</td></tr>\n"
            ))?;
        }
        page.put(format_args!("</tbody>\n</table>\n</div>\n"))?;
        page.paragraph(words::OF_CLASSES)
    }
}
