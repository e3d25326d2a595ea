//! Publish, pull, verify and run extractors; train private linear heads on them.

pub mod files;
