//! Whether a user's images are like those an extractor was made for, in words.

use hub_client::explore::domain::{Domain, DomainFit, EXPECTED_SHARE};
use hub_client::head::metrics::wilson;
use hub_client::store::InstalledRelease;
use ndarray::ArrayView2;
use registry_schema::name::Name;
use serde::Serialize;

use crate::error::CommandError;

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

/// How images (tables of features as the extractor gives them) lie in its domain, all tables together;
/// none when its release does not tell of it.
pub(super) fn fit_of(
    installed: &InstalledRelease,
    tables: &[ArrayView2<'_, f32>],
) -> Result<Option<DomainFit>, CommandError> {
    let Some(statistics) = installed.statistics()? else {
        return Ok(None);
    };
    let domain = Domain::new(&statistics);
    let mut all = DomainFit {
        images: 0,
        unlike: Vec::new(),
    };
    for table in tables {
        let fit = domain.fit(*table)?;
        all.images += fit.images;
        all.unlike.extend(fit.unlike);
    }
    Ok(Some(all))
}

impl DomainView {
    pub(super) fn new(fit: &DomainFit) -> Self {
        Self {
            images: fit.images,
            unlike: fit.unlike.len(),
            share_inside: fit.share_inside(),
            expected_share_unlike: EXPECTED_SHARE,
        }
    }

    /// As [`fit_of`].
    pub(super) fn of(
        installed: &InstalledRelease,
        tables: &[ArrayView2<'_, f32>],
    ) -> Result<Option<Self>, CommandError> {
        Ok(fit_of(installed, tables)?.as_ref().map(Self::new))
    }

    /// Whether more are unlike than chance explains.
    pub(super) fn is_strange(&self) -> bool {
        let share = 1.0 - self.share_inside;
        self.unlike > 1 && wilson(share, self.images).low > EXPECTED_SHARE
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use hub_client::explore::domain::Unlike;

    fn words(images: usize, unlike: usize) -> String {
        let one = Unlike {
            row: 0,
            times_limit: 2.0,
        };
        let view = DomainView::new(&DomainFit {
            images,
            unlike: vec![one; unlike],
        });
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
