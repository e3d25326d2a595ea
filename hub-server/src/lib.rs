//! The registry of an extractor hub: signed releases, blobs, tokens, over HTTPS.
//!
//! `main` hands its arguments to [`run`]; everything else is inside. Floors, lowest first; a module
//! uses lower floors only:
//!
//! | floor | modules | |
//! |---|---|---|
//! | 1 | [`config`] | command line, data folder |
//! | 2 | `database`, `blobs` | where things are kept |
//! | 3 | `tokens`, `uploads` | who, and what is on its way |
//! | 4 | `app` | an open hub |
//! | 5 | `inspection`, `resolve` | what is in the files; which release is meant |
//! | 6 | `publish`, `yank` | the two stories that change a hub |
//! | 7 | `error` | what goes wrong, as status codes |
//! | 8 | `auth`, `journal` | around every request |
//! | 9 | `routes` | the URL table |
//! | 10 | `tls`, `server`, `doctor`, `commands` | what the program does |

mod app;
mod auth;
mod blobs;
mod commands;
pub mod config;
mod database;
mod doctor;
mod error;
mod inspection;
mod journal;
mod publish;
mod resolve;
mod routes;
mod server;
mod tls;
mod tokens;
mod uploads;
mod yank;

pub use commands::run;
