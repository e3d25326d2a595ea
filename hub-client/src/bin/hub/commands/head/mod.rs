//! `hub head`: heads, and what became of them version by version.

mod answers;
mod diff;
mod explain;
mod explain_view;
mod figures;
mod history;
pub(super) mod labelled;
mod list;
mod rollback;
mod upgrade;
mod upgrade_view;
mod words;

pub(super) use diff::diff;
pub(super) use explain::explain;
pub(super) use history::history;
pub(super) use list::{list, remove, show};
pub(super) use rollback::rollback;
pub(super) use upgrade::upgrade;
