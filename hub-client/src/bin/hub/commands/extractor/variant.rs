//! `hub extractor variant`

use std::fmt;

use hub_client::forge::{VariantKind, VariantRequest, make_variant};
use registry_schema::reference::Reference;
use serde::Serialize;

use super::super::chosen::Chosen;
use super::{MadeView, folder, note_next};
use crate::app::Outcome;
use crate::args::VariantArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Answer, Page, size};
use crate::progress::Bar;

#[derive(Serialize)]
struct VariantView {
    #[serde(flatten)]
    made: MadeView,
    from: Reference,
    kind: &'static str,
    graph_bytes_before: u64,
    graph_bytes: u64,
    /// Stored tensors that take fewer bits.
    tensors: usize,
    /// On the release's probes.
    worst_cosine: f64,
    worst_length_difference: f64,
    /// Whether that is what a PATCH promises.
    agrees: bool,
}

pub(super) fn variant(args: &VariantArgs, context: &Context) -> Result<Outcome, CommandError> {
    let chosen = Chosen::find(&args.reference, context)?;
    let (kind, word) = match args.int8 {
        true => (VariantKind::Int8, "int8"),
        false => (VariantKind::Fp16, "fp16"),
    };
    let name = args.name.as_ref().unwrap_or(&args.reference.name);
    let ending = if args.name.is_some() {
        String::new()
    } else {
        format!("-{word}")
    };
    let folder = folder(args.output.as_ref(), name, &ending);
    let request = VariantRequest {
        from: &chosen.installed,
        kind,
        name: args.name.as_ref(),
        folder: &folder,
    };
    let spinner = Bar::spinner(context, "storing weights in fewer bits");
    let variant = make_variant(&request, &context.worker()?)?;
    drop(spinner);
    context.show(&VariantView {
        made: MadeView::new(&variant.made),
        from: chosen.reference(),
        kind: word,
        graph_bytes_before: variant.size_bytes.0,
        graph_bytes: variant.size_bytes.1,
        tensors: variant.tensors,
        worst_cosine: variant.agreement.0,
        worst_length_difference: variant.agreement.1,
        agrees: variant.agrees,
    })?;
    note_next(&variant.made, context);
    Ok(Outcome::Done)
}

impl Answer for VariantView {
    fn write_text(&self, page: &mut Page) -> fmt::Result {
        self.made.write_text(page)?;
        page.field("made of", &self.from)?;
        let (before, after) = (size(self.graph_bytes_before), size(self.graph_bytes));
        page.field(
            "graph",
            format!(
                "{after} instead of {before}, {} tensors as {}",
                self.tensors, self.kind
            ),
        )?;
        let (cosine, length) = (self.worst_cosine, 100.0 * self.worst_length_difference);
        let verdict = match self.agrees {
            true => "as a PATCH must",
            false => "less than a PATCH promises",
        };
        page.field(
            "agreement",
            format!("cosine at least {cosine:.6}, length off by at most {length:.2} %: {verdict}"),
        )
    }
}
