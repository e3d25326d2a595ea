//! Publish, pull, verify and run extractors; train private linear heads on them.

pub mod config;
pub mod files;
pub mod keys;
pub mod registry;
pub mod store;
pub mod trust;
