//! Whether a user's images are like those an extractor was made for, in words.

use std::collections::HashSet;

use hub_client::choose::is_strange;
use hub_client::explore::domain::{Domain, DomainFit, EXPECTED_SHARE};
use hub_client::store::InstalledRelease;
use ndarray::ArrayView2;
use registry_schema::digest::Digest;
use registry_schema::name::Name;
use serde::Serialize;

use super::train::rows;
use crate::error::CommandError;

/// Images that are held against a domain at a time.
const BLOCK_IMAGES: usize = 1024;

/// How many of a user's images are unlike those an extractor was made for.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DomainView {
    /// Images that were looked at.
    images: usize,
    /// Images that are unlike those the extractor was made for.
    unlike: usize,
    /// The share of the others.
    pub(super) share_inside: f64,
    /// The share that would be called unlike of the publisher's own images.
    expected_share_unlike: f64,
}

/// How images (features as the extractor gives them, n×D) lie in its domain; none when its release does not
/// tell of it.
pub(super) fn fit_of(
    installed: &InstalledRelease,
    features: ArrayView2<'_, f32>,
) -> Result<Option<DomainFit>, CommandError> {
    let Some(statistics) = installed.statistics()? else {
        return Ok(None);
    };
    Ok(Some(Domain::new(&statistics).fit(features)?))
}

impl DomainView {
    pub(super) fn new(fit: &DomainFit) -> Self {
        Self::counted(fit.images, fit.unlike.len())
    }

    fn counted(images: usize, unlike: usize) -> Self {
        Self {
            images,
            unlike,
            share_inside: 1.0 - unlike as f64 / images.max(1) as f64,
            expected_share_unlike: EXPECTED_SHARE,
        }
    }

    /// As [`fit_of`], of images and their features: each content counts once.
    pub(super) fn of<'a>(
        installed: &InstalledRelease,
        images: impl Iterator<Item = (Digest, &'a [f32])>,
    ) -> Result<Option<Self>, CommandError> {
        let Some(statistics) = installed.statistics()? else {
            return Ok(None);
        };
        let domain = Domain::new(&statistics);
        let (mut count, mut unlike) = (0, 0);
        let mut contents = contents(images);
        loop {
            let block: Vec<&[f32]> = contents.by_ref().take(BLOCK_IMAGES).collect();
            let Some(first) = block.first() else {
                break;
            };
            let fit = domain.fit(rows(&block.concat(), first.len()))?;
            count += fit.images;
            unlike += fit.unlike.len();
        }
        Ok(Some(Self::counted(count, unlike)))
    }

    /// Whether more are unlike than chance explains.
    pub(super) fn is_strange(&self) -> bool {
        is_strange(self.images, self.unlike)
    }

    /// `31 of your 200 images are unlike those passport-extractor was made for`.
    pub(super) fn words(&self, extractor: &Name) -> String {
        let (images, unlike) = (self.images, self.unlike);
        let kind = format!("those {extractor} was made for");
        match (unlike, self.is_strange()) {
            (0, _) => format!("your {images} images are like {kind}"),
            (1, _) => format!("1 of your {images} images is unlike {kind}"),
            (_, true) => format!("{unlike} of your {images} images are unlike {kind}"),
            (_, false) => format!(
                "{unlike} of your {images} images are unlike {kind}, as many as of its publisher's own"
            ),
        }
    }
}

/// The features of each content, once.
fn contents<'a>(
    images: impl Iterator<Item = (Digest, &'a [f32])>,
) -> impl Iterator<Item = &'a [f32]> {
    let mut seen = HashSet::new();
    images.filter_map(move |(image, features)| seen.insert(image).then_some(features))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn each_content_counts_once() {
        let [one, other] = [b"one", b"two"].map(|bytes| Digest::of(bytes));
        let images = [
            (one, &[1.0_f32][..]),
            (other, &[2.0][..]),
            (one, &[1.0][..]),
        ];
        let found: Vec<&[f32]> = contents(images.into_iter()).collect();
        assert_eq!(found, [&[1.0_f32][..], &[2.0][..]]);
    }

    fn words(images: usize, unlike: usize) -> String {
        let view = DomainView::counted(images, unlike);
        view.words(&"passport-extractor".parse().unwrap())
    }

    #[test]
    fn a_few_of_many_are_no_news() {
        assert_eq!(
            words(200, 31),
            "31 of your 200 images are unlike those passport-extractor was made for"
        );
        assert!(words(200, 2).ends_with("as many as of its publisher's own"));
        assert!(words(20, 1).starts_with("1 of your 20 images is"));
        assert_eq!(
            words(20, 0),
            "your 20 images are like those passport-extractor was made for"
        );
    }
}
