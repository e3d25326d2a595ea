//! The catalogue as pages: what the hub has, made on the server, read without a script.
//!
//! A page is a struct whose fields its template in `templates/` shows; everything that comes from
//! outside is escaped there. The one text that brings a form of its own, an extractor's card, goes
//! through [`card`]. Nothing on a page is to be believed more than the hub is: `hub pull` verifies.

pub(crate) mod card;
pub(crate) mod catalogue;
mod error;
pub(crate) mod evaluations;
pub(crate) mod extractor;
pub(crate) mod log;
pub(crate) mod login;
pub(crate) mod members;
pub(crate) mod provenance;
mod shown;

pub(crate) use error::PageError;

use std::sync::LazyLock;

use askama::Template;
use registry_schema::digest::Digest;
use registry_schema::name::{MemberName, Name};

use crate::app::Hub;

/// How every page looks. Colours and type are those of the labelling page.
pub(crate) const STYLE: &str = concat!(
    include_str!("../../../hub-client/src/label_app/assets/tokens.css"),
    include_str!("../../templates/pages.css"),
);

/// The sign of the hub.
pub(crate) const ICON: &str = include_str!("../../../hub-client/src/label_app/assets/icon.svg");

/// The address of [`STYLE`], another one for other bytes.
static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let digest = Digest::of(STYLE.as_bytes()).to_hex();
    format!("/assets/{}.css", &digest[..16])
});

/// What every page is sent with: no script, nothing from elsewhere, shown in no frame.
pub(crate) const HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// The parts of the site, as the navigation names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Extractors,
    Log,
    Members,
    Other,
}

/// What is around every page.
#[derive(Debug)]
pub(crate) struct Site {
    consortium: String,
    /// Who reads, where somebody has logged in.
    reader: Option<MemberName>,
    is_public: bool,
    is_mirror: bool,
    part: Part,
}

impl Site {
    pub(crate) fn new(hub: &Hub, reader: Option<MemberName>, part: Part) -> Self {
        Self {
            consortium: hub.trust_root().root.consortium().to_owned(),
            reader,
            is_public: hub.is_public,
            is_mirror: hub.mirror.is_some(),
            part,
        }
    }

    fn style_path(&self) -> &'static str {
        &STYLE_PATH
    }

    fn is_at_extractors(&self) -> bool {
        self.part == Part::Extractors
    }

    fn is_at_log(&self) -> bool {
        self.part == Part::Log
    }

    fn is_at_members(&self) -> bool {
        self.part == Part::Members
    }
}

/// Whether a path is that of the style as it is now.
pub(crate) fn is_style(path: &str) -> bool {
    path == STYLE_PATH.as_str()
}

/// The address of an extractor's page.
fn extractor_path(name: &Name) -> String {
    format!("/extractors/{name}")
}

/// A page that says what went wrong.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage<'a> {
    pub(crate) site: Site,
    pub(crate) title: &'a str,
    pub(crate) detail: &'a str,
    pub(crate) hint: Option<&'a str>,
    pub(crate) request_id: &'a str,
}
