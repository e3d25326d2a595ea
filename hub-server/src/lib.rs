//! The registry of an extractor hub: signed releases, blobs, tokens, over HTTPS.
//!
//! `main` hands its arguments to [`run`]; everything else is inside. Floors, lowest first; a module
//! uses lower floors only:
//!
//! | floor | modules | |
//! |---|---|---|
//! | 0 | [`bucket_address`], `repository` | where a bucket is; names and digests of the OCI protocol |
//! | 1 | [`config`], `cause` | command line, data folder; errors in words |
//! | 2 | `settings_file`, `database`, `blobs` | the command line from a file; where things are kept |
//! | 3 | `gc`, `copy_blobs` | blobs that nothing names; blobs in another place |
//! | 3, 4 | `tokens`, `attempts`, `rate`, `quota`, `journal_file`, `log`, `uploads`, `answers` | who, who guesses, how often and how much; what everybody was shown, what is on its way, and what is asked most, kept while it is true |
//! | 5 | `app` | an open hub |
//! | 6 | `inspection`, `resolve`, `log_folder`, `tls`, `metrics` | what is in the files; which release is meant; a copy of the log; the certificate; what is counted |
//! | 7 | `oci` | releases as OCI artifacts, and repositories of what is no extractor |
//! | 7, 8 | `publish`, `yank`, `attach`, `members_say` | the stories that change a hub |
//! | 8 | `trust_change`, `pages` | another trust root, held against what was logged; the catalogue as pages |
//! | 9 | `index`, `error`, `traffic` | the rows made anew from the log; what goes wrong, as status codes; bodies, counted |
//! | 10 | `migrate_store` | the rows, moved to a database of another kind |
//! | 10 | `restore`, `mirror` | what a copy of the log has beyond an old database, or beyond a mirror's |
//! | 10 | `backup` | a copy of all data, made and made a hub again |
//! | 10 | `gate` | where a request comes from, and whether it comes too often |
//! | 11 | `auth`, `journal_entry`, `journal`, `freshness` | around every request |
//! | 12 | `routes` | the URL table |
//! | 13–15 | `server`, `doctor`, `check_config`, `commands` | what the program does |

mod answers;
mod app;
mod attach;
mod attempts;
mod auth;
mod backup;
mod blobs;
pub mod bucket_address;
mod cause;
mod check_config;
mod commands;
pub mod config;
mod copy_blobs;
mod database;
mod deltas;
mod doctor;
mod error;
mod freshness;
mod gate;
mod gc;
mod index;
mod inspection;
mod journal;
mod journal_entry;
mod journal_file;
mod log;
mod log_folder;
mod members_say;
mod metrics;
mod migrate_store;
mod mirror;
mod oci;
mod pages;
mod publish;
mod quota;
mod rate;
mod repository;
mod resolve;
mod restore;
mod routes;
mod server;
mod settings_file;
mod tls;
mod tokens;
mod traffic;
mod trust;
mod trust_change;
mod uploads;
mod yank;

/// What anybody may send, read as a hub reads it; for the targets in `fuzz/` alone.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz {
    pub fn forwarded(said: &[u8]) {
        crate::gate::fuzz_forwarded(said);
    }

    pub fn manifest(pushed: &[u8]) {
        crate::oci::foreign::fuzz_manifest(pushed);
    }

    pub fn repository(text: &str) {
        crate::repository::fuzz_repository(text);
    }
}

pub use commands::{refuse, run};
pub use settings_file::{FileError, ParseError, parse};
