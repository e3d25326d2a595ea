//! What MAJOR, MINOR and PATCH promise about features, and how the promise is checked.
//!
//! | | feature space | dimensions | probes |
//! |---|---|---|---|
//! | MAJOR | new | any | own |
//! | MINOR | same | earlier ones keep their values, more may be appended | the predecessor's, agreeing |
//! | PATCH | same | the same | the predecessor's, agreeing |

use semver::Version;

use crate::manifest::{Manifest, ProbeTolerance, ProbeVectors};

/// The release a new version must agree with: the highest stable one below it in the same MAJOR.
/// `existing` lists the versions of the extractor that are not yanked.
pub fn predecessor<'a>(
    version: &Version,
    existing: impl IntoIterator<Item = &'a Version>,
) -> Option<&'a Version> {
    existing
        .into_iter()
        .filter(|earlier| {
            earlier.major == version.major && *earlier < version && earlier.pre.is_empty()
        })
        .max()
}

/// Checks that a new version comes after every other of its MAJOR, so that each release is
/// compared with the one its users had before. Older MAJORs may go on getting releases.
///
/// # Errors
/// [`CompatibilityError::Order`] names the release that is in the way.
pub fn check_order<'a>(
    version: &Version,
    existing: impl IntoIterator<Item = &'a Version>,
) -> Result<(), CompatibilityError> {
    let newest = existing
        .into_iter()
        .filter(|other| other.major == version.major)
        .max();
    match newest {
        Some(newest) if newest >= version => Err(CompatibilityError::Order {
            version: version.clone(),
            newest: newest.clone(),
        }),
        _ => Ok(()),
    }
}

/// Checks what two manifests of one MAJOR say about their vectors.
///
/// # Errors
/// [`CompatibilityError`] names the field that breaks the promise of the version number.
pub fn check_successor(
    predecessor: &Manifest,
    successor: &Manifest,
) -> Result<(), CompatibilityError> {
    let (old, new) = (&predecessor.output, &successor.output);
    let is_patch = predecessor.version.minor == successor.version.minor;
    let promise = |field, what| CompatibilityError::Promise {
        field,
        what,
        predecessor: predecessor.version.clone(),
        successor: successor.version.clone(),
    };
    if predecessor.feature_space() != successor.feature_space() {
        return Err(promise("name", "the feature space differs"));
    }
    if is_patch && new.dimension != old.dimension {
        return Err(promise(
            "output.dimension",
            "a PATCH keeps the dimension: make it a MINOR",
        ));
    }
    if new.dimension < old.dimension {
        return Err(promise(
            "output.dimension",
            "dimensions were taken away: make it a MAJOR",
        ));
    }
    if new.normalized != old.normalized || new.distance != old.distance {
        return Err(promise(
            "output",
            "`normalized` and `distance` must stay: make it a MAJOR",
        ));
    }
    match (&old.names, &new.names) {
        (Some(old), Some(new)) if !new.starts_with(old) => Err(promise(
            "output.names",
            "earlier dimensions keep their names: make it a MAJOR",
        )),
        (Some(_), None) => Err(promise(
            "output.names",
            "the dimensions had names: keep them",
        )),
        _ => Ok(()),
    }
}

/// How one probe's vectors agree.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeAgreement {
    /// The probe image.
    pub path: String,
    /// Cosine of the two vectors.
    pub cosine: f64,
    /// Relative difference of their lengths.
    pub length_difference: f64,
    /// Largest difference of two values.
    pub largest_difference: f64,
}

/// Compares vectors computed here with those expected, on the dimensions that were expected; a
/// computed vector may be longer. Every expected probe must be there.
///
/// # Errors
/// [`CompatibilityError::ProbeMissing`], [`CompatibilityError::ProbeLength`] or
/// [`CompatibilityError::ProbeDisagrees`] for the worst probe.
pub fn compare_probes(
    expected: &ProbeVectors,
    computed: &ProbeVectors,
    tolerance: ProbeTolerance,
) -> Result<Vec<ProbeAgreement>, CompatibilityError> {
    let mut agreements = Vec::with_capacity(expected.vectors.len());
    for (path, expected) in &expected.vectors {
        let computed = computed
            .vectors
            .get(path)
            .ok_or_else(|| CompatibilityError::ProbeMissing { path: path.clone() })?
            .get(..expected.len())
            .ok_or_else(|| CompatibilityError::ProbeLength {
                path: path.clone(),
                expected: expected.len(),
            })?;
        agreements.push(agreement(path, expected, computed));
    }
    let worst = agreements
        .iter()
        .filter(|one| {
            !(one.cosine >= tolerance.cosine && one.length_difference <= tolerance.length)
        })
        .min_by(|a, b| a.cosine.total_cmp(&b.cosine));
    match worst {
        Some(worst) => Err(CompatibilityError::ProbeDisagrees {
            agreement: worst.clone(),
            tolerance,
        }),
        None => Ok(agreements),
    }
}

fn agreement(path: &str, expected: &[f32], computed: &[f32]) -> ProbeAgreement {
    let pairs = || {
        expected
            .iter()
            .zip(computed)
            .map(|(&a, &b)| (f64::from(a), f64::from(b)))
    };
    let dot: f64 = pairs().map(|(a, b)| a * b).sum();
    let expected_length = pairs().map(|(a, _)| a * a).sum::<f64>().sqrt();
    let computed_length = pairs().map(|(_, b)| b * b).sum::<f64>().sqrt();
    let largest_difference = pairs().map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    // Two zero vectors are equal; one alone has no direction in common with anything.
    let (cosine, length_difference) = if expected_length == 0.0 && computed_length == 0.0 {
        (1.0, 0.0)
    } else if expected_length == 0.0 || computed_length == 0.0 {
        (0.0, 1.0)
    } else {
        (
            dot / (expected_length * computed_length),
            (computed_length / expected_length - 1.0).abs(),
        )
    };
    ProbeAgreement {
        path: path.to_owned(),
        cosine,
        length_difference,
        largest_difference,
    }
}

/// How a release breaks the promise of its version.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CompatibilityError {
    /// Not after what is there.
    #[error(
        "version {version} does not come after {newest}, the newest of its MAJOR: choose a higher version"
    )]
    Order {
        /// The new version.
        version: Version,
        /// What is there.
        newest: Version,
    },
    /// The manifests contradict the promise.
    #[error("{successor} breaks the promise to users of {predecessor} (`{field}`): {what}")]
    Promise {
        /// Which field.
        field: &'static str,
        /// What is wrong and what to do.
        what: &'static str,
        /// The release before.
        predecessor: Version,
        /// The new release.
        successor: Version,
    },
    /// A probe of the predecessor is not there.
    #[error(
        "probe `{path}` is missing or was changed: a MINOR or PATCH release carries its predecessor's probe images"
    )]
    ProbeMissing {
        /// Which.
        path: String,
    },
    /// Fewer values than expected.
    #[error("the vector of probe `{path}` is shorter than the {expected} values expected")]
    ProbeLength {
        /// Which.
        path: String,
        /// How many values.
        expected: usize,
    },
    /// Another function was computed.
    #[error("probe `{}` disagrees: cosine {:.6} (at least {}), length off by {:.2} % (at most {:.2} %)",
        agreement.path, agreement.cosine, tolerance.cosine, agreement.length_difference * 100.0, tolerance.length * 100.0)]
    ProbeDisagrees {
        /// The worst probe.
        agreement: ProbeAgreement,
        /// What was asked.
        tolerance: ProbeTolerance,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn versions(texts: &[&str]) -> Vec<Version> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn vectors(values: &[f32]) -> ProbeVectors {
        ProbeVectors::new([("probes/a.png".to_owned(), values.to_vec())].into())
    }

    #[test]
    fn predecessors_are_of_the_same_major_and_stable() {
        let existing = versions(&["1.4.0", "2.0.0", "2.1.0-rc.1"]);
        let of =
            |text: &str| predecessor(&text.parse().unwrap(), &existing).map(ToString::to_string);
        assert_eq!(of("2.1.0").as_deref(), Some("2.0.0"));
        assert_eq!(of("1.4.1").as_deref(), Some("1.4.0"));
        assert_eq!(of("3.0.0"), None);
    }

    #[test]
    fn versions_only_rise_within_a_major() {
        let existing = versions(&["1.4.0", "2.1.0"]);
        let check = |text: &str| check_order(&text.parse().unwrap(), &existing);
        assert!(check("1.4.1").is_ok() && check("2.1.1").is_ok() && check("3.0.0-rc.1").is_ok());
        assert!(check("2.0.9").is_err() && check("2.1.0").is_err() && check("2.1.0-rc.1").is_err());
    }

    #[test]
    fn manifests_keep_the_promise() {
        let old = Manifest::from_toml(crate::manifest::tests::EXAMPLE).unwrap();
        let check = |change: fn(&mut Manifest)| {
            let mut new = old.clone();
            new.version = "2.2.0".parse().unwrap();
            change(&mut new);
            check_successor(&old, &new).map_err(|error| error.to_string())
        };
        assert!(check(|_| {}).is_ok());
        assert!(check(|new| new.output.dimension = 2000).is_ok());
        assert!(
            check(|new| new.output.dimension = 1000)
                .unwrap_err()
                .contains("MAJOR")
        );
        assert!(
            check(|new| new.output.normalized = true)
                .unwrap_err()
                .contains("normalized")
        );
        let patch = |new: &mut Manifest| {
            new.version = "2.1.1".parse().unwrap();
            new.output.dimension = 2000;
        };
        assert!(check(patch).unwrap_err().contains("MINOR"));
    }

    #[test]
    fn agreeing_probes_pass_and_others_are_measured() {
        let compare = |a: &[f32], b: &[f32]| {
            compare_probes(&vectors(a), &vectors(b), ProbeTolerance::default())
        };
        assert!(compare(&[3.0, 4.0], &[3.0, 4.001]).is_ok());
        assert!(
            compare(&[3.0, 4.0], &[3.0, 4.0, 100.0]).is_ok(),
            "appended dimensions do not count"
        );
        assert!(compare(&[0.0, 0.0], &[0.0, 0.0]).is_ok());
        assert!(
            compare(&[3.0, 4.0], &[4.0, 3.0]).is_err(),
            "another direction"
        );
        assert!(compare(&[3.0, 4.0], &[6.0, 8.0]).is_err(), "another length");
        assert!(
            compare(&[3.0, 4.0], &[f32::NAN, 4.0]).is_err(),
            "not a number"
        );
        assert!(compare(&[3.0, 4.0], &[3.0]).is_err(), "too short");
    }
}
