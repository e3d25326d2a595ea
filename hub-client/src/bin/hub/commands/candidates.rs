//! Which extractors `hub choose` compares, and which of them stays unless another is clearly better.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use hub_client::choose::Favourite;

use super::chosen::{Chosen, newest_of_each};
use super::release_view::size_bytes;
use crate::args::ChooseArgs;
use crate::context::Context;
use crate::error::CommandError;

/// The releases that are compared, each once.
pub(super) fn candidates(
    args: &ChooseArgs,
    context: &Context,
) -> Result<Vec<Chosen>, CommandError> {
    let mut references = args.references.clone();
    if args.all {
        references = newest_of_each(&context.store())?;
    }
    let mut found: Vec<Chosen> = Vec::new();
    for reference in &references {
        let chosen = Chosen::find(reference, context)?;
        if !found
            .iter()
            .any(|one| one.reference() == chosen.reference())
        {
            found.push(chosen);
        }
    }
    if found.is_empty() {
        return Err(CommandError::NothingToChoose);
    }
    Ok(found)
}

/// Which one stays unless another is clearly better, and why it is the one.
pub(super) fn favourite(
    args: &ChooseArgs,
    chosen: &[Chosen],
    context: &Context,
) -> Result<(Favourite, String), CommandError> {
    let favourite = |place, has_reason| Favourite { place, has_reason };
    if let Some(reference) = &args.favourite {
        let named = Chosen::find(reference, context)?.reference();
        let place = chosen.iter().position(|one| one.reference() == named);
        let place = place.ok_or_else(|| CommandError::StrangeFavourite {
            reference: reference.clone(),
        })?;
        return Ok((favourite(place, true), "named by --favourite".to_owned()));
    }
    // Size predicts what is good elsewhere better than any score on the labels does (docs/EXPLORE.md).
    let largest = |among: &mut dyn Iterator<Item = usize>| {
        among.max_by_key(|&index| {
            let bytes = size_bytes(chosen[index].installed.release());
            (bytes, Reverse(index))
        })
    };
    if let Some(domain) = &args.domain {
        let made_for = |&index: &usize| chosen[index].installed.manifest().domain == *domain;
        let place = largest(&mut (0..chosen.len()).filter(made_for));
        let place = place.ok_or_else(|| CommandError::StrangeDomain {
            domain: domain.clone(),
            found: domains(chosen),
        })?;
        return Ok((
            favourite(place, true),
            format!("the largest made for {domain}"),
        ));
    }
    if !args.all {
        return Ok((favourite(0, false), "named first".to_owned()));
    }
    let place = largest(&mut (0..chosen.len())).unwrap_or_default();
    Ok((favourite(place, false), "the largest".to_owned()))
}

/// Each domain once.
fn domains(chosen: &[Chosen]) -> String {
    let domains = chosen
        .iter()
        .map(|one| one.installed.manifest().domain.as_str());
    let domains: BTreeSet<&str> = domains.collect();
    domains.into_iter().collect::<Vec<_>>().join(", ")
}
