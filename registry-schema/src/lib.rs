//! What a hub of extractors and its clients must agree on.
//!
//! An **extractor** is a function from an image to a feature vector. A **release** is one signed,
//! immutable version of it. This crate says what is signed, how it is verified, and what a version
//! number promises. It is pure: no files, no sockets, no clock; bytes come in, verdicts go out.
//!
//! ```
//! use registry_schema::reference::Reference;
//! let reference: Reference = "passport-extractor@2".parse()?;
//! assert!(reference.requirement.matches(&"2.1.0".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Floors, lowest first; a module uses lower floors only:
//!
//! | floor | modules |
//! |---|---|
//! | 1 | [`limits`], [`interval`], [`digest`], [`name`], [`content`] |
//! | 2 | [`mod@reference`], [`keys`], [`preprocess`] |
//! | 3 | [`manifest`], [`envelope`], [`onnx`], [`log`] |
//! | 4 | [`statement`], [`tuf`], [`compatibility`], [`graph`], [`model_signing`] |
//! | 5 | [`trust_root`] |
//! | 6 | [`threshold`] |
//! | 7 | [`verify`] |
//! | 8 | [`receipt`], [`api`] |
//! | 9 | [`mirror`] |

pub mod api;
pub mod compatibility;
pub mod content;
pub mod digest;
pub mod envelope;
pub mod graph;
mod hex;
pub mod interval;
pub mod keys;
pub mod limits;
pub mod log;
pub mod manifest;
pub mod mirror;
pub mod model_signing;
pub mod name;
pub mod onnx;
pub mod preprocess;
pub mod receipt;
pub mod reference;
pub mod statement;
mod text;
pub mod threshold;
pub mod trust_root;
pub mod tuf;
pub mod verify;
