//! The probes of the whole: those of its parts, which must still say what they say alone.

use std::collections::BTreeMap;

use registry_schema::compatibility::{CompatibilityError, compare_probes};
use registry_schema::limits;
use registry_schema::manifest::{ProbeTolerance, ProbeVectors};

use super::super::ForgeError;
use super::super::author::{Staged, probes_of};
use super::super::probes::Picture;
use super::{Part, PartAgreement};

/// The probe pictures of all parts, and which is whose.
pub(super) struct Probes {
    pub(super) pictures: Vec<Picture>,
    /// For each part: names in its own release and in the whole.
    names: Vec<BTreeMap<String, String>>,
}

impl Probes {
    pub(super) fn of(parts: &[Part<'_>]) -> Result<Self, ForgeError> {
        let each = limits::PROBES / parts.len().max(1);
        let mut probes = Self {
            pictures: Vec::new(),
            names: Vec::new(),
        };
        for part in parts {
            let mut names = BTreeMap::new();
            for (name, bytes) in probes_of(part.release)?.into_iter().take(each.max(1)) {
                let new = format!("{}-{}", part.prefix, name.replace('/', "-"));
                names.insert(format!("probes/{name}"), format!("probes/{new}"));
                probes.pictures.push((new, bytes));
            }
            probes.names.push(names);
        }
        Ok(probes)
    }

    /// What each part says within the whole beside what it says alone.
    pub(super) fn agreements(
        &self,
        parts: &[Part<'_>],
        staged: &Staged,
        least_cosine: f64,
    ) -> Result<Vec<PartAgreement>, ForgeError> {
        let tolerance = ProbeTolerance {
            cosine: least_cosine,
            length: f64::INFINITY,
        };
        let mut agreements = Vec::new();
        for (part, names) in parts.iter().zip(&self.names) {
            let mut alone = part.release.probe_vectors()?;
            alone.vectors.retain(|name, _| names.contains_key(name));
            let (first, count) = (part.first as usize, part.dimension() as usize);
            let own = names.iter().filter_map(|(name, new)| {
                let vector = staged.vectors.vectors.get(new)?.get(first..first + count)?;
                Some((name.clone(), vector.to_vec()))
            });
            let compared = compare_probes(&alone, &ProbeVectors::new(own.collect()), tolerance);
            let compared = compared.map_err(|error| disagreement(part, &error, least_cosine))?;
            agreements.push(PartAgreement {
                release: part.name(),
                dimensions: (part.first, part.dimension()),
                worst_cosine: compared.iter().map(|one| one.cosine).fold(1.0, f64::min),
            });
        }
        Ok(agreements)
    }
}

fn disagreement(part: &Part<'_>, error: &CompatibilityError, least: f64) -> ForgeError {
    let (probe, cosine) = match error {
        CompatibilityError::ProbeDisagrees { agreement, .. } => {
            (agreement.path.clone(), agreement.cosine)
        }
        other => (other.to_string(), f64::NAN),
    };
    ForgeError::Disagrees {
        release: part.name(),
        probe,
        cosine,
        least,
    }
}
