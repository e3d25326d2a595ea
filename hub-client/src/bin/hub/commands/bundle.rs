//! `hub export`

use std::fmt;

use hub_client::bundle::{self, BundleForm, RELEASE_FOLDER};
use registry_schema::model_signing;
use registry_schema::reference::Reference;
use serde::Serialize;

use super::chosen::Chosen;
use super::release_view::size_bytes;
use crate::app::Outcome;
use crate::args::BundleArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, size};

#[derive(Serialize)]
struct BundleView {
    release: Reference,
    path: String,
    /// Where the signed files are.
    files_path: String,
    files: usize,
    size_bytes: u64,
    /// Absent when the publisher made none.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_signature: Option<String>,
}

pub(super) fn export(args: &BundleArgs, context: &Context) -> Result<Outcome, CommandError> {
    let chosen = Chosen::find(&args.reference, context)?;
    let (folder, form) = match (&args.folder, &args.bundle) {
        (Some(folder), _) => (folder.as_path(), BundleForm::FilesAlone),
        // Without the one there is the other: the arguments say so.
        (None, bundle) => {
            let bundle = bundle.as_deref().unwrap_or(std::path::Path::new("bundle"));
            (bundle, BundleForm::WithEvidence)
        }
    };
    bundle::export(&chosen.installed, &chosen.trust.bundle, folder, form)?;
    let files_path = match form {
        BundleForm::FilesAlone => folder.to_owned(),
        BundleForm::WithEvidence => folder.join(RELEASE_FOLDER),
    };
    let signature = chosen.installed.model_signature();
    let release = chosen.installed.release();
    context.show(&BundleView {
        release: chosen.reference(),
        path: folder.display().to_string(),
        files_path: files_path.display().to_string(),
        files: release.files().len(),
        size_bytes: size_bytes(release),
        model_signature: signature.map(|_| folder.join(model_signing::FILE).display().to_string()),
    })?;
    Ok(Outcome::Done)
}

impl Answer for BundleView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        page.line(page.bold(&format!("{} is written", self.release)))?;
        page.field("to", &self.path)?;
        let files = format!("{}, {}", self.files, size(self.size_bytes));
        page.field("files", files)?;
        match &self.model_signature {
            Some(path) => page.field("model.sig", path),
            None => page.field("model.sig", "none: the publisher made none"),
        }
    }
}
