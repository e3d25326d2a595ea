//! Whether the hub shows its readers what its log has.

use std::collections::BTreeSet;

use registry_schema::name::Name;
use registry_schema::reference::Reference;

use super::super::AuditError;
use super::finding::Finding;
use super::memory::{Memory, NameMemory, ReleaseMemory};
use crate::log_view::LogView;
use crate::logged;
use crate::registry::{Registry, RegistryError};

/// Most names that are held against the hub in one run; the next run goes on with the next.
const NAMES: usize = 200;

/// Most releases with yanks that are asked for one by one, for each name; the next run goes on with the
/// next.
const RELEASES: usize = 50;

/// Asks the hub for what the log says of names: releases, yanks, advisories. Entries that were logged
/// meanwhile do not count. What was found before an error is among the findings.
pub(super) async fn compare(
    memory: &mut Memory,
    registry: &Registry,
    log: &LogView,
    findings: &mut Vec<Finding>,
) -> Result<(), AuditError> {
    for name in memory.next_names(NAMES) {
        let yanked = memory.next_yanked(&name, RELEASES);
        let Some(known) = memory.name(&name) else {
            continue;
        };
        compare_releases(&name, known, registry, findings).await?;
        for (version, release) in yanked
            .iter()
            .filter_map(|version| known.releases.get_key_value(version))
        {
            let exact = Reference::exact(name.clone(), version.clone());
            compare_yanks(&exact, release, registry, log, findings).await?;
        }
        compare_advisories(&name, known, registry, findings).await?;
    }
    let listed = registry.key_compromises().await?.key_compromises;
    let listed: BTreeSet<u64> = listed.iter().map(|one| one.log_index).collect();
    let hidden = memory.key_compromises().iter();
    findings.extend(
        hidden
            .filter(|index| !listed.contains(index))
            .map(|index| differs(format!("entry {index}, a key that its member took back"))),
    );
    Ok(())
}

/// Releases, as they are listed.
async fn compare_releases(
    name: &Name,
    known: &NameMemory,
    registry: &Registry,
    findings: &mut Vec<Finding>,
) -> Result<(), AuditError> {
    let listed = match registry.extractor(name).await {
        Err(RegistryError::Problem { problem }) if problem.status == 404 => Vec::new(),
        other => other?.releases,
    };
    for (version, release) in &known.releases {
        let shown = listed.iter().find(|one| one.version == *version);
        let exact = Reference::exact(name.clone(), version.clone());
        match shown {
            None => findings.push(differs(format!(
                "{exact}, entry {}, is not listed",
                release.index
            ))),
            Some(one) if one.statement != release.statement => {
                findings.push(differs(format!("{exact} is listed with another statement")));
            }
            Some(one) if release.is_yanked && one.yanked.is_none() => {
                findings.push(differs(format!(
                    "{exact} is yanked and not listed as yanked"
                )));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Yanks, as whoever pulls gets them.
async fn compare_yanks(
    exact: &Reference,
    known: &ReleaseMemory,
    registry: &Registry,
    log: &LogView,
    findings: &mut Vec<Finding>,
) -> Result<(), AuditError> {
    let answer = match registry.release(exact).await {
        Err(RegistryError::Problem { problem }) if problem.status == 404 => {
            findings.push(differs(format!("{exact} is not to be had")));
            return Ok(());
        }
        other => other?,
    };
    let (_, yanks) = logged::of_release(log, &answer).await?;
    let shown: BTreeSet<u64> = yanks.iter().map(|yank| yank.index).collect();
    let hidden = known.yanks.iter().filter(|index| !shown.contains(index));
    findings
        .extend(hidden.map(|index| differs(format!("entry {index}, a yank statement of {exact}"))));
    Ok(())
}

async fn compare_advisories(
    name: &Name,
    known: &NameMemory,
    registry: &Registry,
    findings: &mut Vec<Finding>,
) -> Result<(), AuditError> {
    if known.advisories.is_empty() {
        return Ok(());
    }
    let shown = registry.advisories(name).await?.advisories;
    let shown: BTreeSet<u64> = shown.iter().map(|one| one.log_index).collect();
    let hidden = known
        .advisories
        .iter()
        .filter(|index| !shown.contains(index));
    findings
        .extend(hidden.map(|index| differs(format!("entry {index}, an advisory about {name}"))));
    Ok(())
}

fn differs(what: String) -> Finding {
    Finding::HubDiffers { what }
}
