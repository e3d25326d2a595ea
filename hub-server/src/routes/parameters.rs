//! Parameters that many paths have, as the API's description tells of them.
#![allow(
    dead_code,
    reason = "handlers take them apart by themselves; the description is made of these"
)]

use utoipa::IntoParams;

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfName {
    /// The member, or `_` for a bare name
    namespace: String,
    /// The name without its member
    name: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfRelease {
    /// The member, or `_` for a bare name
    namespace: String,
    /// The name without its member
    name: String,
    /// The version, such as `2.3.1`
    version: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfResolved {
    /// The member, or `_` for a bare name
    namespace: String,
    /// The name without its member
    name: String,
    /// `latest`, `2`, `2.3` or `2.3.1`
    requirement: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfRepository {
    /// The repository: an extractor's name, with its slash if it has one
    name: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfModel {
    /// The extractor's name, with its slash if it has one
    name: String,
}
